#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

/// The cosines and sines of the rotary embedding.
struct RotaryTable: Sendable {
    /// Half of a head's width: the number of angles per position.
    let half: Int
    private let cosines: [Float]
    private let sines: [Float]

    /// For positions 0 ..< `positions`. O(positions * head width).
    init(_ rotary: TransformerConfiguration.Rotary, headWidth: Int, positions: Int) {
        half = headWidth / 2
        let frequencies = Self.frequencies(rotary, headWidth: headWidth)
        var cosines: [Float] = [], sines: [Float] = []
        cosines.reserveCapacity(positions * half)
        sines.reserveCapacity(positions * half)
        for position in 0..<positions {
            for frequency in frequencies {
                cosines.append(Float(cos(Double(position) * frequency)))
                sines.append(Float(sin(Double(position) * frequency)))
            }
        }
        self.cosines = cosines
        self.sines = sines
    }

    private init(half: Int, cosines: [Float], sines: [Float]) {
        self.half = half
        self.cosines = cosines
        self.sines = sines
    }

    /// The inverse rotation.
    var inverse: RotaryTable { RotaryTable(half: half, cosines: cosines, sines: sines.map { -$0 }) }

    /// Rotates a head's query or key of token `t` at `position`.
    func rotate(_ x: FloatMatrix, _ t: Int, offset: Int, position: Int) {
        let range = position * half..<(position + 1) * half
        FloatKernels.rotate(x, t, offset: offset, cosines: cosines[range], sines: sines[range])
    }

    /// Radians per position.
    static func frequencies(_ rotary: TransformerConfiguration.Rotary, headWidth: Int) -> [Double] {
        (0..<headWidth / 2).map { index in
            let plain = pow(rotary.base, -Double(2 * index) / Double(headWidth))
            switch rotary.scaling {
            case .none: return plain
            case .linear(let factor): return plain / factor
            case .llama3(let factor, let low, let high, let context):
                let wavelength = 2 * Double.pi / plain
                if wavelength < Double(context) / high { return plain }
                if wavelength > Double(context) / low { return plain / factor }
                let share = (Double(context) / wavelength - low) / (high - low)
                return (1 - share) * plain / factor + share * plain
            }
        }
    }
}
