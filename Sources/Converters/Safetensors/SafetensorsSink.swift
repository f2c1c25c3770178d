public import QAMFormat

/// Where a safetensors output goes.
public enum SafetensorsDestination: Hashable, Sendable {
    /// One file. Side files have no place.
    case file(String)
    /// A folder, created if need be: `model.safetensors`, or shards with an index; side files beside them.
    case folder(String)
}

/// Writes safetensors. The same source gives the same bytes.
///
/// Sharding and layout are those of `SafetensorsPlan`; an alias becomes a full copy of its target. Metadata that are not
/// strings are written as `SafetensorsMetadata` says. All files appear at `finish`: side files first, the index last.
public final class SafetensorsSink: TensorSink {
    /// What the output cannot carry, or what lies beside it and may mislead. Complete after `begin`.
    public private(set) var warnings: [String] = []
    /// The paths of all files that the output consists of. Known after `begin`.
    public private(set) var outputs: [String] = []

    private let destination: SafetensorsDestination
    private let maxShardSize: Int?
    private let replacing: Bool
    private let resuming: Bool
    private var output: PlannedOutput?

    /// `maxShardSize` counts bytes of tensors; only a folder can take more than one shard. `replacing` lets existing
    /// outputs be replaced, `resuming` takes up the partial output of an interrupted run.
    public init(output: SafetensorsDestination, maxShardSize: Int? = nil, replacing: Bool = false, resuming: Bool = false) {
        destination = output
        self.maxShardSize = maxShardSize
        self.replacing = replacing
        self.resuming = resuming
    }

    /// The bytes that the output will have in all its files, side files included. Throws `unsupported` like `begin`.
    package static func plannedByteCount(
        of source: any TensorSource, to destination: SafetensorsDestination, maxShardSize: Int? = nil
    ) throws -> Int {
        let plan = try SafetensorsPlan(tensors: source.tensors, metadata: source.metadata, maxShardSize: maxShardSize)
        guard case .folder = destination else { return plan.byteCount }
        return source.files.reduce(plan.byteCount) { $0 + $1.byteCount }
    }

    /// Throws `unsupported` for tensors that safetensors cannot hold, `invalidArgument` where a file would need shards,
    /// `cannotCreate` where something is in the way or space is lacking.
    public func begin(_ source: any TensorSource) throws -> [Distortion?] {
        let plan = try SafetensorsPlan(tensors: source.tensors, metadata: source.metadata, maxShardSize: maxShardSize)
        let set = OutputSet(inputs: source.inputs, replacing: replacing, resuming: resuming)
        let names: SafetensorsNames
        switch destination {
        case .file(let path):
            names = try SafetensorsNames(file: path, plan: plan, files: source.files)
        case .folder(let path):
            try Folder.create(path)
            names = try SafetensorsNames(folder: path, plan: plan, files: source.files)
        }
        warnings = names.warnings
        let outputPlan = names.output(plan)
        outputs = outputPlan.paths
        for path in outputs { try set.check(path) }
        let output = PlannedOutput(source: source, plan: outputPlan, set: set)
        self.output = output
        return try output.open(resuming: resuming)
    }

    public func write(_ chunk: TensorChunk, units: Range<Int>, of tensor: Int) throws {
        try opened().write(chunk.streams.first ?? [], at: units.lowerBound, of: tensor)
    }

    public func endTensor(_ tensor: Int, distortion: Distortion?) throws {
        try opened().endTensor(tensor, distortion: distortion)
    }

    public func finish() throws -> Int { try opened().finish() }

    public func discard(keepingPartial: Bool) {
        output?.discard(keepingPartial: keepingPartial)
        output = nil
    }

    private func opened() throws -> PlannedOutput {
        guard let output else { throw QAMError(.invalidArgument, "the output has not been begun") }
        return output
    }
}
