public import QAMFormat

/// An output whose places are all known before the first payload: the common part of `SafetensorsSink` and `GGUFSink`.
///
/// The same source gives the same bytes. An alias becomes a full copy of its target.
public class PlannedSink: TensorSink {
    /// What the output cannot carry, or what lies beside it and may mislead. Complete after `begin`.
    public private(set) var warnings: [String] = []
    /// The paths of all files that the output consists of. Known after `begin`.
    public private(set) var outputs: [String] = []

    private let replacing: Bool
    private let resuming: Bool
    private let planning: (any TensorSource) throws -> (plan: OutputPlan, warnings: [String])
    private var output: PlannedOutput?

    /// `planning` lays a source's tensors out in files, and tells what the format cannot carry.
    init(replacing: Bool, resuming: Bool, planning: @escaping (any TensorSource) throws -> (plan: OutputPlan, warnings: [String])) {
        self.replacing = replacing
        self.resuming = resuming
        self.planning = planning
    }

    /// Throws `unsupported` for what the format cannot hold, `invalidArgument` for a layout that is impossible,
    /// `cannotCreate` where something is in the way or space is lacking.
    public func begin(_ source: any TensorSource) throws -> [TensorFindings] {
        let (plan, warnings) = try planning(source)
        self.warnings = warnings
        outputs = plan.paths
        let set = try OutputSet(inputs: source.inputs, replacing: replacing)
        for path in outputs { try set.check(path) }
        let output = PlannedOutput(source: source, plan: plan, set: set)
        self.output = output
        return try output.open(resuming: resuming)
    }

    public func write(_ chunk: TensorChunk, units: Range<Int>, of tensor: Int) throws {
        try opened().write(chunk.streams.first ?? [], at: units.lowerBound, of: tensor)
    }

    public func endTensor(_ tensor: Int, findings: TensorFindings) throws {
        try opened().endTensor(tensor, findings: findings)
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
