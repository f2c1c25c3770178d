/// The parameters of a tensor of the polar codec: `Coding.parameters`, four bytes (spec section 15.1).
///
/// | byte | value |
/// |---|---|
/// | 0 | rate: bits of a symbol, 4...13 |
/// | 1 | reserved |
/// | 2 | binary logarithm of the block size, 1...15 |
/// | 3 | gain type: 1 float16, 2 float32 |
package struct PolarParameters: Hashable, Sendable {
    package let code: Code
    package let blockSize: Int
    package let gainType: GainType

    /// `code` must be of family `polar`, `blockSize` a power of two from 2 to 2^15.
    package init(_ code: Code, blockSize: Int, gainType: GainType) {
        self.code = code
        self.blockSize = blockSize
        self.gainType = gainType
    }

    /// - Throws: `QAMError.malformed` for invalid bytes, `unsupported` for an unknown gain type.
    package init(bytes: [UInt8]) throws {
        guard bytes.count == 4 else { throw QAMError(.malformed, "codec parameters of \(bytes.count) bytes where 4 belong") }
        code = try Code(.polar, rate: Int(bytes[0]))
        guard bytes[1] == 0 else { throw QAMError(.malformed, "a reserved byte of the codec parameters is not zero") }
        blockSize = try Rotation.blockSize(parameter: bytes[2])
        gainType = try GainType(parameter: bytes[3])
    }

    package var bytes: [UInt8] { [UInt8(code.rate), 0, Rotation.parameter(blockSize: blockSize), gainType.rawValue] }
}
