/// Decoding tables of floating-point types of at most eight bits.
enum SmallFloat {
    static let e2m1 = table(exponentBits: 2, mantissaBits: 1, bias: 1, specials: .none)
    static let e2m3 = table(exponentBits: 2, mantissaBits: 3, bias: 1, specials: .none)
    static let e3m2 = table(exponentBits: 3, mantissaBits: 2, bias: 3, specials: .none)
    static let e5m2 = table(exponentBits: 5, mantissaBits: 2, bias: 15, specials: .infinityAndNaN)
    static let e4m3 = table(exponentBits: 4, mantissaBits: 3, bias: 7, specials: .allOnesNaN)
    static let e5m2fnuz = table(exponentBits: 5, mantissaBits: 2, bias: 16, specials: .negativeZeroNaN)
    static let e4m3fnuz = table(exponentBits: 4, mantissaBits: 3, bias: 8, specials: .negativeZeroNaN)
    /// Powers of two only: no sign, zero or infinity; 255 is NaN.
    static let e8m0: [Float] = (0..<255).map { Float(sign: .plus, exponent: $0 - 127, significand: 1) } + [.nan]

    /// The non-finite values of a type.
    private enum Specials {
        case none
        /// The largest exponent means infinity or NaN, as in IEEE types.
        case infinityAndNaN
        /// Exponent and mantissa all ones mean NaN; no infinity.
        case allOnesNaN
        /// The encoding of -0 is the only NaN; no infinity.
        case negativeZeroNaN
    }

    private static func table(exponentBits: Int, mantissaBits: Int, bias: Int, specials: Specials) -> [Float] {
        let signBit = 1 << (exponentBits + mantissaBits)
        return (0..<2 * signBit).map { bits in
            let exponent = (bits & (signBit - 1)) >> mantissaBits, mantissa = bits & (1 << mantissaBits - 1)
            switch specials {
            case .infinityAndNaN where exponent == 1 << exponentBits - 1 && mantissa != 0: return .nan
            case .infinityAndNaN where exponent == 1 << exponentBits - 1: return bits & signBit == 0 ? .infinity : -.infinity
            case .allOnesNaN where bits & (signBit - 1) == signBit - 1: return .nan
            case .negativeZeroNaN where bits == signBit: return .nan
            default: break
            }
            // Subnormal numbers have the smallest normal exponent and no implicit leading one.
            let significand = Float(exponent == 0 ? mantissa : mantissa + 1 << mantissaBits)
            return Float(
                sign: bits & signBit == 0 ? .plus : .minus, exponent: max(exponent, 1) - bias - mantissaBits,
                significand: significand)
        }
    }
}
