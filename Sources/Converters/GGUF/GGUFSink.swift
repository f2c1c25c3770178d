public import QAMFormat

/// Where a GGUF output goes.
public enum GGUFDestination: Hashable, Sendable {
    /// One file, or where it needs several `NAME-00001-of-00003.gguf` and so on.
    case file(String)
    /// A folder, created if need be: `model.gguf`, or files of a set; side files beside them.
    case folder(String)
}

/// Writes GGUF, version 3, little-endian. The same source gives the same bytes.
///
/// Splitting and layout are those of `GGUFPlan`; an alias becomes a full copy of its target. All files appear at `finish`:
/// side files first, the first file of a set last.
public final class GGUFSink: TensorSink {
    /// What the output cannot carry, or what may mislead. Complete after `begin`.
    public private(set) var warnings: [String] = []
    /// The paths of all files that the output consists of. Known after `begin`.
    public private(set) var outputs: [String] = []

    private let destination: GGUFDestination
    private let alignment: Int?
    private let maxShardSize: Int?
    private let replacing: Bool
    private let resuming: Bool
    private let keepingSplit: Bool
    private var output: PlannedOutput?

    /// `alignment` is a power of two; nil takes what the metadata say, or 32. `maxShardSize` counts bytes of tensors with
    /// their padding. `replacing` lets existing outputs be replaced, `resuming` takes up the partial output of an
    /// interrupted run.
    public convenience init(
        output: GGUFDestination, alignment: Int? = nil, maxShardSize: Int? = nil, replacing: Bool = false, resuming: Bool = false
    ) {
        self.init(output: output, alignment: alignment, maxShardSize: maxShardSize, keepingSplit: false, replacing: replacing, resuming: resuming)
    }

    /// With `keepingSplit` the metadata that place a file in its set are the source's: the output is one file of a set.
    init(output: GGUFDestination, alignment: Int? = nil, maxShardSize: Int? = nil, keepingSplit: Bool, replacing: Bool, resuming: Bool = false) {
        destination = output
        self.alignment = alignment
        self.maxShardSize = maxShardSize
        self.keepingSplit = keepingSplit
        self.replacing = replacing
        self.resuming = resuming
    }

    /// The bytes that the output will have in all its files, side files included. Throws `unsupported` like `begin`.
    package static func plannedByteCount(
        of source: any TensorSource, to destination: GGUFDestination, alignment: Int? = nil, maxShardSize: Int? = nil
    ) throws -> Int {
        let plan = try GGUFPlan(tensors: source.tensors, metadata: source.metadata, alignment: alignment, maxShardSize: maxShardSize)
        guard case .folder = destination else { return plan.byteCount }
        return source.files.reduce(plan.byteCount) { $0 + $1.byteCount }
    }

    /// Throws `unsupported` for what GGUF cannot hold, `invalidArgument` for an alignment that is none, `cannotCreate` where
    /// something is in the way or space is lacking.
    public func begin(_ source: any TensorSource) throws -> [Distortion?] {
        let plan = try GGUFPlan(
            tensors: source.tensors, metadata: source.metadata, alignment: alignment, maxShardSize: maxShardSize, keepingSplit: keepingSplit)
        let set = OutputSet(inputs: source.inputs, replacing: replacing, resuming: resuming)
        let names: GGUFNames
        switch destination {
        case .file(let path):
            names = GGUFNames(file: path, shardCount: plan.shards.count, files: source.files)
        case .folder(let path):
            try Folder.create(path)
            names = try GGUFNames(folder: path, shardCount: plan.shards.count, files: source.files)
        }
        warnings = plan.warnings + names.warnings
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
