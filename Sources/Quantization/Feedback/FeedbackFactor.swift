package import QAMFormat

/// How the errors of coded columns move the columns after them, so that together they cost the least: the factor of the second
/// moments H = E[x xT] of a matrix's inputs, taken through the same channel scales and rotation, if any, as its rows.
///
/// With the damped H' = V VT, V upper triangular, and the 2 x 2 blocks D on V's diagonal, a row's error e costs |VT e|^2. Its
/// part of each pair depends on the columns up to the pair, so the best target of a pair is its coordinates plus the
/// errors before it times F = V D^-1: the form of GPTQ and LDLQ, with pairs as units.
package struct FeedbackFactor: Sendable {
    package let transform: RowTransform
    /// F, in panels of 128 columns, one after the other: of each panel the rows up to its last column, 128 floats each, zero up to
    /// and including a column's own pair.
    package let panels: [Float]
    /// Of each pair, the elements (0, 0), (0, 1) and (1, 1) of D, in units of `unit`.
    package let metric: [Float]
    /// A power of two, near the root of the mean diagonal: costs in float neither overflow nor vanish, however large inputs are.
    package let unit: Double

    /// The variance that what is fed adds to targets, where coding leaves noise of unit variance of each: the mean over columns.
    package private(set) var fedVariance = 0.0

    /// What is added to the diagonal of H.
    let damping: Double

    /// What noise of unit variance in each rotated column costs in all.
    package var noiseGain: Double { metric.reduce(0) { $0 + Double($1) * Double($1) } * unit * unit }

    /// The share of the mean diagonal that is added to the diagonal at least.
    package static let dampingShare = 0.01

    /// The share that is added to moments of so many vectors. Those of few fit them more sharply than others like them: with as many vectors as
    /// channels all of the mean is added, which measured best.
    static func dampingShare(least: Double, channels: Int, vectors: Int?) -> Double {
        max(least, vectors.map { Double(channels) / Double(max(1, $0)) } ?? 0)
    }

    /// How much wider than its coordinates a row's targets are, whose errors of variance `error` are fed with a gain in variance of
    /// `fedVariance`. Gains are widened by it, so that codewords lie as densely as the targets do; up to 2, which gain types have room for.
    static func widening(fedVariance: Double, error: Double) -> Double { min(2, (1 + error * fedVariance).squareRoot()) }

    /// Where the panel of the group that begins at this column starts.
    package func panelStart(group: Int) -> Int {
        // The panels before have 128, 256, ... rows.
        let width = FeedbackKernels.groupColumns, index = group / width
        return index * (index + 1) / 2 * width * width
    }

    /// O(columns^3 / 3), on all threads of the pool. Memory: 4 * columns^2 bytes while it is made, and 2 * columns^2 for the
    /// result; beside it a block of rows in float32 and in float64.
    ///
    /// - Parameters:
    ///   - transform: that of the rows that are coded.
    ///   - vectors: how many H is the mean over, where that is known.
    ///   - checkpoint: called time and again; what it throws ends the work.
    ///   - rows: reads rows of H, one after the other; in ascending order, some at a time.
    /// - Throws: `QAMError.malformed` where H is not finite or not positive semidefinite, and what `rows` throws.
    package init(
        _ transform: RowTransform, vectors: Int? = nil, pool: WorkerPool, kernels: FeedbackKernels = .chosen,
        checkpoint: () throws -> Void = {}, rows: (Range<Int>) throws -> [Float]
    ) throws {
        let columns = transform.columns
        let m = FeedbackKernels.Doubles(repeating: 0, count: FeedbackKernels.rowStart(columns))
        try Self.gather(transform, pool, kernels, rows, into: m)

        // Row i of the triangle is row columns - 1 - i of H': what is factored from the top on is H' from the bottom on.
        var sum = 0.0
        for i in 0..<columns { sum += m[FeedbackKernels.rowStart(i) + i] }
        guard sum >= 0 else { throw Self.indefinite }
        let share = Self.dampingShare(least: Self.dampingShare, channels: columns, vectors: vectors)
        let added = sum > 0 ? share * sum / Double(columns) : 1
        for i in 0..<columns { m[FeedbackKernels.rowStart(i) + i] += added }
        guard try kernels.factor(m, rows: columns, pool: pool, checkpoint: checkpoint) else { throw Self.indefinite }
        let mean = sum > 0 ? (1 + share) * sum / Double(columns) : 1
        self.init(transform, triangle: m, damping: added, unit: Double(sign: .plus, exponent: mean.squareRoot().exponent, significand: 1))
        fedVariance = probedVariance(kernels)
    }

    private static var indefinite: QAMError { QAMError(.malformed, "the second moments are not positive semidefinite") }

    /// Rows that are read at a time where there is no rotation.
    private static let rowsAtATime = 64

    /// Fills the triangle with H', a block of the rotation or some rows at a time.
    private static func gather(
        _ transform: RowTransform, _ pool: WorkerPool, _ kernels: FeedbackKernels,
        _ read: (Range<Int>) throws -> [Float], into m: FeedbackKernels.Doubles
    ) throws {
        let columns = transform.columns, rotation = transform.rotation
        let height = rotation?.blockSize ?? min(rowsAtATime, columns)
        let x = FeedbackKernels.Doubles(repeating: 0, count: height * columns)
        let factors = (0..<columns).map { j in
            (rotation?.isNegated(j) == true ? -1 : 1) / Double(transform.channelScales?[j] ?? 1)
        }
        for start in stride(from: 0, to: columns, by: height) {
            let block = min(height, columns - start)
            let rows = try read(start..<start + block)
            guard rows.count == block * columns else { throw QAMError(.truncated, "rows of second moments do not have their length") }
            guard rows.allSatisfy(\.isFinite) else { throw QAMError(.malformed, "second moments are not finite") }
            // Only the columns from the block's own on: the rest is symmetric.
            pool.forEach(0..<block, grain: 8) { piece in
                for i in piece {
                    for j in start..<columns { x[i * columns + j] = Double(rows[i * columns + j]) * factors[start + i] * factors[j] }
                    if rotation != nil { kernels.hadamard(x, first: i * columns + start, count: columns - start, block: block) }
                }
            }
            if rotation != nil {
                pool.forEach(start..<columns, grain: 64) {
                    kernels.hadamardRows(x, first: $0.lowerBound, count: $0.count, apart: columns, block: block)
                }
            }
            let norm = rotation == nil ? 1 : Double(block)
            pool.forEach(0..<block, grain: 8) { piece in
                for i in piece {
                    let target = FeedbackKernels.rowStart(columns - 1 - start - i)
                    for j in start + i..<columns { m[target + columns - 1 - j] = x[i * columns + j] / norm }
                }
            }
        }
    }

    /// Takes F and D out of the factored triangle.
    private init(_ transform: RowTransform, triangle m: FeedbackKernels.Doubles, damping: Double, unit: Double) {
        let columns = transform.columns, width = FeedbackKernels.groupColumns
        // A last column without a partner has one in which nothing errs.
        func v(_ i: Int, _ j: Int) -> Double { j == columns ? 0 : m[FeedbackKernels.rowStart(columns - 1 - i) + columns - 1 - j] }
        var metric: [Float] = []
        metric.reserveCapacity((columns + 1) / 2 * 3)
        for t in stride(from: 0, to: columns, by: 2) {
            metric += [v(t, t), v(t, t + 1), t + 1 < columns ? v(t + 1, t + 1) : 0].map { Float($0 / unit) }
        }
        var panels: [Float] = []
        let groups = (columns + width - 1) / width
        panels.reserveCapacity(groups * (groups + 1) / 2 * width * width)
        for group in stride(from: 0, to: columns, by: width) {
            let used = min(width, columns - group)
            for i in 0..<group + width {
                for t in stride(from: group, to: group + width, by: 2) {
                    guard i < t, t < group + used else {
                        panels += [0, 0]
                        continue
                    }
                    let first = v(i, t) / v(t, t)
                    let second = t + 1 < columns ? (v(i, t + 1) - v(t, t + 1) * first) / v(t + 1, t + 1) : 0
                    panels += [Float(first), Float(second)]
                }
            }
        }
        self.transform = transform
        self.damping = damping
        self.unit = unit
        self.metric = metric
        self.panels = panels
    }
}
