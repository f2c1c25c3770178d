/// What a person wants to know of a tensor's coding.
public struct CodingDescription: Hashable, Sendable {
    /// The codec's name: `qam-pairs`, `polar-pairs`, `int8-rows`.
    public var codec: String
    public var code: Code
    /// Whether the tensor refers to a codebook.
    public var hasCodebook: Bool
    /// The blocks of the rotation, and the seed of its signs; nil where rows are not rotated.
    public var blockSize: Int?
    public var seed: UInt64?
    public var gainType: GainType
    public var channelScales: Bool

    /// Bits a weight of the symbols alone, without padding.
    public var bits: Double { code.bits }
    /// The codebook's family; nil where there is no codebook.
    public var codebook: String? { hasCodebook ? code.family.name : nil }
}
