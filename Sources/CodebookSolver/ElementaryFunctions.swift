/// Exponential, logarithm, sine and cosine from additions, multiplications and divisions only.
///
/// The C library's versions differ in the last bit between releases; codebooks must be identical on all machines, so the solver has its
/// own. Nothing here is contracted to fused multiply-adds.
enum ElementaryFunctions {
    /// 1.5 * 2^52: adding it to a small number rounds it to the nearest integer in the low bits of the sum.
    private static let roundingShift = 6_755_399_441_055_744.0

    /// exp(x) of eight numbers, -700 <= x <= 700 (smaller ones count as -700); relative error about 1e-15.
    @inline(__always)
    static func exp(_ argument: SIMD8<Double>) -> SIMD8<Double> {
        let x = argument.replacing(with: -700, where: argument .< -700)
        let shifted = x * 1.4426950408889634 + roundingShift
        let exponent = shifted - roundingShift
        // ln 2 in two parts, so that the remainder keeps its last bits.
        let r = (x - exponent * 0.6931471803691238) - exponent * 1.9082149292705877e-10
        var sum = SIMD8<Double>(repeating: 1 / 479_001_600)
        sum = sum * r + 1 / 39_916_800
        sum = sum * r + 1 / 3_628_800
        sum = sum * r + 1 / 362_880
        sum = sum * r + 1 / 40_320
        sum = sum * r + 1 / 5_040
        sum = sum * r + 1 / 720
        sum = sum * r + 1 / 120
        sum = sum * r + 1 / 24
        sum = sum * r + 1 / 6
        sum = sum * r + 0.5
        sum = sum * r + 1
        sum = sum * r + 1
        let bits = unsafe unsafeBitCast(sum, to: SIMD8<UInt64>.self)
        let power = unsafe unsafeBitCast(shifted, to: SIMD8<UInt64>.self) &<< 52
        return unsafe unsafeBitCast(bits &+ power, to: SIMD8<Double>.self)
    }

    /// exp(x) of one number.
    static func exp(_ argument: Double) -> Double {
        exp(SIMD8(repeating: argument))[0]
    }

    /// The natural logarithm of a positive normal number, absolute error about 1e-16 times the larger of one and
    /// the result: ln x = e ln 2 + 2 artanh((f-1)/(f+1)), f in [1/sqrt 2, sqrt 2].
    static func log(_ x: Double) -> Double {
        var fraction = x.significand
        var exponent = Double(x.exponent)
        if fraction > 1.4142135623730951 {
            fraction *= 0.5
            exponent += 1
        }
        let t = (fraction - 1) / (fraction + 1)
        let u = t * t
        var sum = 1.0 / 23
        for divisor in stride(from: 21.0, through: 1.0, by: -2.0) {
            sum = sum * u + 1 / divisor
        }
        return exponent * 0.6931471805599453 + 2 * t * sum
    }

    /// Cosine and sine of `part / whole` of a full turn, 0 <= part < whole; as symmetric as the directions are.
    static func direction(_ part: Int, of whole: Int) -> SIMD2<Double> {
        // Quarter turns, then an angle of at most half a quarter on either side of an axis.
        let quarter = (8 * part + whole) / (2 * whole)
        let angle = Double(4 * part - quarter * whole) / Double(2 * whole) * Double.pi
        let square = angle * angle
        var cosine = 1.0
        var sine = 1.0
        for n in stride(from: 22.0, through: 2.0, by: -2.0) {
            cosine = 1 - cosine * square / (n * (n - 1))
            sine = 1 - sine * square / (n * (n + 1))
        }
        sine *= angle
        return switch quarter % 4 {
        case 0: SIMD2(cosine, sine)
        case 1: SIMD2(-sine, cosine)
        case 2: SIMD2(-cosine, -sine)
        default: SIMD2(sine, -cosine)
        }
    }
}
