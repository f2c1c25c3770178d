/// The effect of channel scales on the matrices that read one input.
public struct ScalingOutcome: Hashable, Sendable {
    /// The names of the matrices.
    public let matrices: [String]
    /// The expected error of the outputs for unrounded activations, relative to that without scales; nil if the rule is for rounded activations.
    public let errorRatio: Double?
    /// Whether the scales are used: unless the ratio is known and not below 1.
    public var isUsed: Bool { errorRatio.map { $0 < 1 } ?? true }
}
