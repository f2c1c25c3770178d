/// The parameters of a tensor of the trellis codec: `Coding.parameters`, eight bytes (spec section 17.1).
///
/// | byte | value |
/// |---|---|
/// | 0 | bits of a window: 12, 14 or 16 |
/// | 1 | rate: bits of two weights, 3...13, at most the window's |
/// | 2 | binary logarithm of the block size, 1...15 |
/// | 3 | gain type: 1 float16, 2 float32 |
/// | 4...7 | step: the unit of the integer values, float32 |
package struct TrellisParameters: Hashable, Sendable {
    package let code: Code
    package let window: Int
    package let blockSize: Int
    package let gainType: GainType
    package let step: Float

    /// `code` must be of family `trellis`, `window` one of `windows` and not below its rate, `blockSize` a power of two from 2 to 2^15.
    package init(_ code: Code, window: Int, blockSize: Int, gainType: GainType, step: Float) {
        self.code = code
        self.window = window
        self.blockSize = blockSize
        self.gainType = gainType
        self.step = step
    }

    package static let windows = [12, 14, 16]

    /// - Throws: `QAMError.malformed` for invalid bytes, `unsupported` for another window or an unknown gain type.
    package init(bytes: [UInt8]) throws {
        guard bytes.count == 8 else { throw QAMError(.malformed, "codec parameters of \(bytes.count) bytes where 8 belong") }
        code = try Code(.trellis, rate: Int(bytes[1]))
        window = Int(bytes[0])
        guard Self.windows.contains(window) else { throw QAMError(.unsupported, "a trellis with windows of \(window) bits is unknown") }
        guard code.rate <= window else { throw QAMError(.malformed, "windows of \(window) bits are too short for \(code.rate) bits of two weights") }
        blockSize = try Rotation.blockSize(parameter: bytes[2])
        gainType = try GainType(parameter: bytes[3])
        step = Float(bitPattern: (0..<4).reduce(UInt32(0)) { $0 | UInt32(bytes[4 + $1]) << UInt32(8 * $1) })
        guard step.isFinite, step > 0 else { throw QAMError(.malformed, "the step of the codec parameters is not finite and positive") }
    }

    package var bytes: [UInt8] {
        [UInt8(window), UInt8(code.rate), Rotation.parameter(blockSize: blockSize), gainType.rawValue]
            + stride(from: UInt32(0), to: 32, by: 8).map { UInt8(truncatingIfNeeded: step.bitPattern >> $0) }
    }
}
