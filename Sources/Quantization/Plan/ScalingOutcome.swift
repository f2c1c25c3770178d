/// What channel scales do to the matrices that read one input.
public struct ScalingOutcome: Hashable, Sendable {
    /// The names of the matrices.
    public let matrices: [String]
    /// The error of the outputs to be expected of unrounded activations, as a share of that without scales; nil where the rule is for rounded ones.
    public let errorRatio: Double?
    /// Whether the scales are used: where the ratio is known only below 1.
    public var isUsed: Bool { errorRatio.map { $0 < 1 } ?? true }
}
