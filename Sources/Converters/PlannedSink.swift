public import QAMFormat

/// An output whose layout is known before the first payload: the common part of `SafetensorsSink` and `GGUFSink`.
///
/// The same source produces the same bytes. An alias becomes a full copy of its target.
public class PlannedSink: TensorSink {
    /// What the output cannot store, and files beside it that may mislead. Complete after `begin`.
    public private(set) var warnings: [String] = []
    /// The paths of all output files. Known after `begin`.
    public private(set) var outputs: [String] = []

    private let replacing: Bool
    private let resuming: Bool
    private let planning: (any TensorSource) throws -> (plan: OutputPlan, warnings: [String])
    private var output: PlannedOutput?

    /// `planning` computes the layout of a source's tensors and warnings about what the format cannot store.
    init(replacing: Bool, resuming: Bool, planning: @escaping (any TensorSource) throws -> (plan: OutputPlan, warnings: [String])) {
        self.replacing = replacing
        self.resuming = resuming
        self.planning = planning
    }

    /// Throws `unsupported` for what the format cannot store, `invalidArgument` for an impossible layout, `cannotCreate` if a file is in
    /// the way or space is insufficient.
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
