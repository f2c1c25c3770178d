/// The type of a tensor's row gains, the same for all rows (spec section 8.1).
public enum GainType: UInt8, Hashable, Sendable {
    case float16 = 1
    case float32 = 2

    /// Parses the gain type in a codec's parameters.
    ///
    /// - Throws: `QAMError.unsupported` for an unknown type.
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

    /// The gains for which float16 has a relative error of at most 2^-11, even if refitting doubles or halves them.
    package static let float16Range: ClosedRange<Float> = 0x1p-13...0x1p15

    /// A gain as a reader will decode it: rounded to nearest even.
    package func rounded(_ gain: Float) -> Float { self == .float16 ? Half.float(from: Half.bits(of: gain)) : gain }

    /// Appends the gain, rounded; returns it as a reader will decode it.
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

    /// The gain of one row. `bytes` must have at least `row + 1` gains.
    package func gain(_ row: Int, in bytes: [UInt8]) -> Float {
        let bits = (0..<byteCount).reduce(UInt32(0)) { $0 | UInt32(bytes[row * byteCount + $1]) << UInt32(8 * $1) }
        return switch self {
        case .float16: Half.float(from: UInt16(bits))
        case .float32: Float(bitPattern: bits)
        }
    }
}
