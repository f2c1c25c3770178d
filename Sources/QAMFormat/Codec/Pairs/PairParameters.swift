/// The parameters of a tensor of the pair codec: `Coding.parameters`, four bytes (spec section 8.1).
///
/// | byte | value |
/// |---|---|
/// | 0 | codebook family: 1 free, 2 octant |
/// | 1 | rate: bits of a symbol (free, 4...13) or bits per step (octant, 1...10) |
/// | 2 | binary logarithm of the block size, 1...15 |
/// | 3 | gain type: 1 float16, 2 float32 |
package struct PairParameters: Hashable, Sendable {
    package let family: Codebook.Family
    package let code: Code
    package let blockSize: Int
    package let gainType: GainType

    /// `blockSize` must be a power of two from 2 to 2^15.
    package init(_ codebook: Codebook, blockSize: Int, gainType: GainType) {
        family = codebook.family
        code = codebook.code
        self.blockSize = blockSize
        self.gainType = gainType
    }

    /// - Throws: `QAMError.malformed` for invalid bytes, `unsupported` for an unknown family or gain type.
    package init(bytes: [UInt8]) throws {
        guard bytes.count == 4 else { throw QAMError(.malformed, "codec parameters of \(bytes.count) bytes where 4 belong") }
        guard let family = Codebook.Family(rawValue: bytes[0]) else {
            throw QAMError(.unsupported, "codebook family \(bytes[0]) is unknown")
        }
        self.family = family
        code = try Code(family.code, rate: Int(bytes[1]))
        blockSize = try Rotation.blockSize(parameter: bytes[2])
        gainType = try GainType(parameter: bytes[3])
    }

    package var bytes: [UInt8] { [family.rawValue, UInt8(code.rate), Rotation.parameter(blockSize: blockSize), gainType.rawValue] }
}
