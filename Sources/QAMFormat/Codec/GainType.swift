/// How the row gains of a tensor are stored: one type for all its rows (spec section 8.1).
public enum GainType: UInt8, Hashable, Sendable {
    case float16 = 1
    case float32 = 2

    /// The gain type that a byte of a codec's parameters says.
    ///
    /// - Throws: `QAMError.unsupported` for an unknown one.
    init(parameter: UInt8) throws {
        guard let type = GainType(rawValue: parameter) else { throw QAMError(.unsupported, "gain type \(parameter) is unknown") }
        self = type
    }

    /// `float16` or `float32`.
    public var name: String {
        switch self {
        case .float16: "float16"
        case .float32: "float32"
        }
    }

    /// Bytes of one gain.
    public var byteCount: Int {
        switch self {
        case .float16: 2
        case .float32: 4
        }
    }

    /// The gains for which float16 is within 2^-11 of the truth, with room for the refit to double or halve them.
    package static let float16Range: ClosedRange<Float> = 0x1p-13...0x1p15

    /// What a reader will see of a gain: it is rounded to nearest even.
    package func rounded(_ gain: Float) -> Float { self == .float16 ? Half.float(from: Half.bits(of: gain)) : gain }

    /// Appends the gain, rounded; returns what a reader will see.
    package func append(_ gain: Float, to bytes: inout [UInt8]) -> Float {
        switch self {
        case .float16:
            let half = Half.bits(of: gain)
            bytes.append(UInt8(truncatingIfNeeded: half))
            bytes.append(UInt8(half >> 8))
            return Half.float(from: half)
        case .float32:
            for shift in stride(from: UInt32(0), to: 32, by: 8) {
                bytes.append(UInt8(truncatingIfNeeded: gain.bitPattern >> shift))
            }
            return gain
        }
    }

    /// The gain of one row. `bytes` holds at least `row + 1` gains.
    package func gain(_ row: Int, in bytes: [UInt8]) -> Float {
        let bits = (0..<byteCount).reduce(UInt32(0)) { $0 | UInt32(bytes[row * byteCount + $1]) << UInt32(8 * $1) }
        return switch self {
        case .float16: Half.float(from: UInt16(bits))
        case .float32: Float(bitPattern: bits)
        }
    }
}
