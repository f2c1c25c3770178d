/// The parameters of a tensor of integer rows: `Coding.parameters`, four bytes (spec section 16.1).
///
/// | byte | value |
/// |---|---|
/// | 0 | bits of a symbol: 8 |
/// | 1, 2 | reserved |
/// | 3 | gain type: 1 float16, 2 float32 |
package struct Int8Parameters: Hashable, Sendable {
    package let gainType: GainType

    package init(gainType: GainType) { self.gainType = gainType }

    /// - Throws: `QAMError.malformed` for invalid bytes, `unsupported` for other bit widths or an unknown gain type.
    package init(bytes: [UInt8]) throws {
        guard bytes.count == 4 else { throw QAMError(.malformed, "codec parameters of \(bytes.count) bytes where 4 belong") }
        guard bytes[0] == 8 else { throw QAMError(.unsupported, "integers of \(bytes[0]) bits are unknown") }
        guard bytes[1] == 0, bytes[2] == 0 else { throw QAMError(.malformed, "a reserved byte of the codec parameters is not zero") }
        gainType = try GainType(parameter: bytes[3])
    }

    package var bytes: [UInt8] { [8, 0, 0, gainType.rawValue] }
}
