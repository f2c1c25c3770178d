import Quantization
import QAMFormat

/// A Hessian of inputs with correlated channels, and the definitions of coding with feedback, implemented directly and without optimisation.
struct FeedbackReference {
    let columns: Int
    /// The Hessian, row by row.
    var moments: [Float]

    /// The correlation of adjacent channels is 0.9; channels are scaled one by one, and all by a power of two.
    init(columns: Int, dead: Set<Int> = [], exponent: Int = 0) {
        self.columns = columns
        let scales = (0..<columns).map { dead.contains($0) ? 0 : 0.3 + Double($0 * 37 % 11) / 5 }
        var powers = [1.0]
        for _ in 1..<columns { powers.append(powers[powers.count - 1] * 0.9) }
        moments = (0..<columns * columns).map { index in
            let i = index / columns, j = index % columns
            return Float(scales[i] * scales[j] * powers[abs(i - j)]) * Float(sign: .plus, exponent: exponent, significand: 1)
        }
    }

    func rows(_ range: Range<Int>) -> [Float] { Array(moments[range.lowerBound * columns..<range.upperBound * columns]) }

    /// The factor that a coder takes.
    func factor(_ encoder: RowEncoder, threads: Int = 1, _ kernels: FeedbackKernels = .chosen) throws -> FeedbackFactor {
        try factor(encoder.transform, unitColumns: type(of: encoder.coder).unitColumns, threads: threads, kernels)
    }

    func factor(_ transform: RowTransform, unitColumns: Int = 2, threads: Int = 1, _ kernels: FeedbackKernels = .chosen) throws -> FeedbackFactor {
        try FeedbackFactor(transform, unitColumns: unitColumns, pool: WorkerPool(width: threads), kernels: kernels, rows: rows)
    }

    /// The rotated unit vector i, computed by the kernels that rotate weights.
    private func rotated(_ unit: Int, _ rotation: Rotation?) -> [Double] {
        var row = [Float](repeating: 0, count: columns)
        row[unit] = 1
        if let rotation { Kernels.chosen.rotate(&row, by: rotation, inverseGain: 1) }
        return row.map(Double.init)
    }

    /// V of the damped Hessian of rotated inputs, upper triangular: H' = V VT.
    func triangle(_ rotation: Rotation?) -> [[Double]] {
        let r = (0..<columns).map { rotated($0, rotation) }
        var h = [[Double]](repeating: Array(repeating: 0, count: columns), count: columns)
        for i in 0..<columns {
            for j in 0..<columns {
                let value = Double(moments[i * columns + j])
                for a in 0..<columns where r[i][a] != 0 { for b in 0..<columns where r[j][b] != 0 { h[a][b] += value * r[i][a] * r[j][b] } }
            }
        }
        let mean = (0..<columns).reduce(0) { $0 + h[$1][$1] } / Double(columns)
        for i in 0..<columns { h[i][i] += FeedbackFactor.dampingShare * mean }
        return Self.upperFactor(h)
    }

    /// V of a positive definite h, upper triangular: h = V VT.
    static func upperFactor(_ h: [[Double]]) -> [[Double]] {
        var v = h.map { $0.map { _ in 0.0 } }
        for j in stride(from: h.count - 1, through: 0, by: -1) {
            for i in stride(from: j, through: 0, by: -1) {
                var sum = h[i][j]
                for k in j + 1..<max(h.count, j + 1) { sum -= v[i][k] * v[j][k] }
                v[i][j] = i == j ? sum.squareRoot() : sum / v[j][j]
            }
        }
        return v
    }

    /// Whether `factor` refuses a changed Hessian of 16 channels as malformed.
    static func refuses(_ change: (inout [Float]) -> Void, _ factor: ((Range<Int>) -> [Float]) throws -> Void) -> Bool {
        var moments = FeedbackReference(columns: 16).moments
        change(&moments)
        do {
            try factor { Array(moments[$0.lowerBound * 16..<$0.upperBound * 16]) }
            return false
        } catch let error as QAMError { return error.code == .malformed } catch { return false }
    }

    /// The squared output error that the errors of decoded rows cause.
    func cost(_ weights: [Float], _ decoded: [Float]) -> Double {
        var sum = 0.0
        for start in stride(from: 0, to: weights.count, by: columns) {
            let e = (0..<columns).map { Double(weights[start + $0]) - Double(decoded[start + $0]) }
            for i in 0..<columns {
                var inner = 0.0
                for j in 0..<columns { inner += Double(moments[i * columns + j]) * e[j] }
                sum += e[i] * inner
            }
        }
        return sum
    }
}

/// A path through the pairs of one group of 128 columns: its targets, and its cost so far.
struct FeedbackPath {
    private var targets: [Double]
    private(set) var total = 0.0

    init(_ z: [Float]) { targets = z.map(Double.init) }

    /// A base point, unfolded into the octant of pair t's target.
    func unfolded(_ t: Int, _ larger: Double, _ smaller: Double) -> (Double, Double) {
        let a = targets[2 * t], b = targets[2 * t + 1], swaps = abs(a) < abs(b)
        let x = swaps ? smaller : larger, y = swaps ? larger : smaller
        return (a < 0 ? -x : x, b < 0 ? -y : y)
    }

    /// The cost of this codeword for pair t.
    func cost(_ t: Int, _ x: Double, _ y: Double, _ factor: FeedbackFactor) -> Double {
        let d = factor.metric[3 * t..<3 * t + 3].map(Double.init), dx = targets[2 * t] - x, dy = targets[2 * t + 1] - y
        let first = d[0] * dx, second = d[1] * dx + d[2] * dy
        return total + first * first + second * second
    }

    mutating func add(_ t: Int, _ x: Double, _ y: Double, _ z: [Float], _ factor: FeedbackFactor) {
        total = cost(t, x, y, factor)
        let e0 = Double(z[2 * t]) - x, e1 = Double(z[2 * t + 1]) - y
        for j in 2 * t + 2..<max(128, 2 * t + 2) {
            targets[j] += e0 * Double(factor.panels[2 * t * 128 + j]) + e1 * Double(factor.panels[(2 * t + 1) * 128 + j])
        }
    }
}
