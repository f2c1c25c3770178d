/// A tensor's coding, for display.
public struct CodingDescription: Hashable, Sendable {
    /// The codec's name: `qam-pairs`, `polar-pairs`, `int8-rows`, `trellis`.
    public var codec: String
    /// Family and rate.
    public var code: Code
    /// Whether the tensor refers to a codebook.
    public var hasCodebook: Bool
    /// The rotation's block size and the seed of its signs; nil if rows are not rotated.
    public var blockSize: Int?
    /// The seed of the rotation's signs; nil if the codec does not rotate.
    public var seed: UInt64?
    /// The type of the row gains.
    public var gainType: GainType
    /// Whether the columns were scaled before coding.
    public var channelScales: Bool

    /// Bits per weight of the symbols alone, without padding.
    public var bits: Double { code.bits }
    /// The codebook's family; nil if there is no codebook.
    public var codebook: String? { hasCodebook ? code.family.name : nil }
}
