/// xoshiro256** (Blackman and Vigna, 2018), seeded through SplitMix64: the solver's only source of randomness.
struct RandomSource {
    private var state: (UInt64, UInt64, UInt64, UInt64)

    init(seed: UInt64) {
        var counter = seed
        func next() -> UInt64 {
            counter &+= 0x9E37_79B9_7F4A_7C15
            var z = counter
            z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
            z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
            return z ^ (z >> 31)
        }
        state = (next(), next(), next(), next())
    }

    mutating func next() -> UInt64 {
        func rotate(_ x: UInt64, _ count: UInt64) -> UInt64 { (x &<< count) | (x &>> (64 - count)) }
        let result = rotate(state.1 &* 5, 7) &* 9
        let shifted = state.1 << 17
        state.2 ^= state.0
        state.3 ^= state.1
        state.1 ^= state.2
        state.0 ^= state.3
        state.2 ^= shifted
        state.3 = rotate(state.3, 45)
        return result
    }

    /// Uniform in [0, 1), a multiple of 2^-53.
    mutating func uniform() -> Double {
        Double(next() >> 11) * 0x1p-53
    }

    /// Uniform in 0 ..< count (the bias, below count / 2^53, is negligible here).
    mutating func index(below count: Int) -> Int {
        Int(uniform() * Double(count))
    }

    /// Two independent standard Gaussians: a point of the unit circular Gaussian, by Marsaglia's polar method.
    mutating func gaussianPair() -> SIMD2<Double> {
        while true {
            let point = SIMD2(2 * uniform() - 1, 2 * uniform() - 1)
            let square = point.x * point.x + point.y * point.y
            if square > 0, square < 1 {
                return point * (-2 * ElementaryFunctions.log(square) / square).squareRoot()
            }
        }
    }
}
