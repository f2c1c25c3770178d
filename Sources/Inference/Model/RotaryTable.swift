#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

/// The tables of a model's layers.
typealias RotaryTables = [TransformerConfiguration.Rotary: RotaryTable]

/// The cosines and sines of the rotary embedding.
struct RotaryTable: Sendable {
    /// Half of the rotated part of a head: the number of angles per position.
    let half: Int
    private let pairsNeighbours: Bool
    private let cosines: [Float]
    private let sines: [Float]

    /// For positions 0 ..< `positions`, the longest text. O(positions * head width).
    init(_ rotary: TransformerConfiguration.Rotary, headWidth: Int, positions: Int) {
        half = (rotary.width ?? headWidth) / 2
        pairsNeighbours = rotary.pairsNeighbours
        let frequencies = rotary.frequencies(width: 2 * half, positions: positions)
        var cosines: [Float] = [], sines: [Float] = []
        cosines.reserveCapacity(positions * half)
        sines.reserveCapacity(positions * half)
        for position in 0..<positions {
            for frequency in frequencies {
                cosines.append(Float(rotary.factor * cos(Double(position) * frequency)))
                sines.append(Float(rotary.factor * sin(Double(position) * frequency)))
            }
        }
        self.cosines = cosines
        self.sines = sines
    }

    private init(_ other: RotaryTable, sines: [Float]) {
        half = other.half
        pairsNeighbours = other.pairsNeighbours
        cosines = other.cosines
        self.sines = sines
    }

    /// The transposed rotation, which passes gradients back.
    var transposed: RotaryTable { RotaryTable(self, sines: sines.map { -$0 }) }

    /// Rotates a head's query or key of token `t` at `position`.
    func rotate(_ x: FloatMatrix, _ t: Int, offset: Int, position: Int) {
        let start = position * half, range = start..<start + half
        guard pairsNeighbours else { return FloatKernels.rotate(x, t, offset: offset, cosines: cosines[range], sines: sines[range]) }
        x.withMutableVectors(t..<t + 1) { x in
            for j in 0..<half {
                let place = offset + 2 * j, a = x[place], b = x[place + 1], cosine = cosines[start + j], sine = sines[start + j]
                x[place] = a * cosine - b * sine
                x[place + 1] = b * cosine + a * sine
            }
        }
    }
}

extension TransformerConfiguration.Rotary {
    /// Radians per position of each pair of the rotated part, `width` elements of a head, for texts of up to `positions` tokens.
    func frequencies(width: Int, positions: Int) -> [Double] {
        let plain = (0..<width / 2).map { pow(base, -Double(2 * $0) / Double(width)) }
        switch scaling {
        case .none: return plain
        case .linear(let factor): return plain.map { $0 / factor }
        case .llama3(let factor, let low, let high, let context):
            return plain.map { plain in
                let wavelength = 2 * Double.pi / plain
                if wavelength < Double(context) / high { return plain }
                if wavelength > Double(context) / low { return plain / factor }
                let share = (Double(context) / wavelength - low) / (high - low)
                return (1 - share) * plain / factor + share * plain
            }
        case .yarn(let factor, let fast, let slow, let context, let isTruncated):
            // The pair that turns so often within the context.
            func pair(_ turns: Double) -> Double { Double(width) * log(Double(context) / (turns * 2 * .pi)) / (2 * log(base)) }
            let first = max(0, isTruncated ? pair(fast).rounded(.down) : pair(fast))
            let last = min(Double(width - 1), isTruncated ? pair(slow).rounded(.up) : pair(slow))
            return plain.enumerated().map { index, plain in
                let share = min(max(0, (Double(index) - first) / (last == first ? 0.001 : last - first)), 1)
                return share * plain / factor + (1 - share) * plain
            }
        case .divided(let short, let long, let context):
            return zip(plain, positions > context ? long : short).map { $0 / $1 }
        }
    }
}
