package import QAMFormat

/// The Cholesky factor for error feedback within rows, from the Hessian H = E[x xT] of a matrix's inputs, transformed by the same channel scales and rotation
/// as its rows.
///
/// With the damped H' = V VT, V upper triangular, and the blocks D on V's diagonal of the columns that are coded together (a *unit*: a pair for most codes), a
/// row's error e costs |VT e|^2. The term of each unit depends only on the columns up to its end, so the best target of a unit is its coordinates plus the
/// earlier errors times F = V D^-1: the form of GPTQ and LDLQ.
package struct FeedbackFactor: Sendable {
    package let transform: RowTransform
    /// F in consecutive panels of 128 columns: each panel has the rows up to its last column, 128 floats each, zero up to the end of a column's own unit.
    package let panels: [Float]
    /// The columns of a unit.
    package let unitColumns: Int
    /// For each unit, the upper triangle of D by columns, in units of `unit`: (0, 0), (0, 1), (1, 1) and so on. Zero beyond the last column.
    package let metric: [Float]
    /// A power of two near the root of the mean diagonal: float costs neither overflow nor underflow, however large the inputs.
    package let unit: Double

    /// The mean over columns of the variance that feedback adds to targets, for coding noise of unit variance.
    package private(set) var fedVariance = 0.0

    /// The damping: what is added to the diagonal of H.
    let damping: Double

    /// The total cost of noise of unit variance in each rotated column.
    package var noiseGain: Double { metric.reduce(0) { $0 + Double($1) * Double($1) } * unit * unit }

    /// The minimum damping, as a fraction of the mean diagonal.
    package static let dampingShare = 0.01

    /// The damping for a Hessian of this many vectors, as a fraction of the mean diagonal. Few vectors overfit: with as many vectors as channels the whole
    /// mean is added, which measured best.
    static func dampingShare(least: Double, channels: Int, vectors: Int?) -> Double {
        max(least, vectors.map { Double(channels) / Double(max(1, $0)) } ?? 0)
    }

    /// The ratio by which targets are wider than a row's coordinates, for fed errors of variance `error` and a variance gain of `fedVariance`. Gains are
    /// widened by it, so that codewords are as dense relative to the targets; at most 2, the headroom of the gain types.
    static func widening(fedVariance: Double, error: Double) -> Double { min(2, (1 + error * fedVariance).squareRoot()) }

    /// The number of units.
    var unitCount: Int { (transform.columns + unitColumns - 1) / unitColumns }

    /// The start of a unit's part of `metric`.
    package func metricStart(unit: Int) -> Int { unit * unitColumns * (unitColumns + 1) / 2 }

    /// The start of the panel of the group that begins at this column.
    package func panelStart(group: Int) -> Int {
        // The earlier panels have 128, 256, ... rows.
        let width = FeedbackKernels.groupColumns, index = group / width
        return index * (index + 1) / 2 * width * width
    }

    /// O(columns^3 / 3), on all threads of the pool. Memory: 4 * columns^2 bytes during construction and 2 * columns^2 for the result, plus a block of rows in
    /// float32 and float64.
    ///
    /// - Parameters:
    ///   - transform: of the rows to be coded.
    ///   - unitColumns: the columns that are coded together.
    ///   - vectors: the number of vectors that H is the mean over, if known.
    ///   - checkpoint: called regularly; an error that it throws cancels the work.
    ///   - rows: reads consecutive rows of H; called in ascending order for a few at a time.
    /// - Throws: `QAMError.malformed` if H is not finite or not positive semidefinite, and errors from `rows`.
    package init(
        _ transform: RowTransform, unitColumns: Int = 2, vectors: Int? = nil, pool: WorkerPool, kernels: FeedbackKernels = .chosen,
        checkpoint: () throws -> Void = {}, rows: (Range<Int>) throws -> [Float]
    ) throws {
        let columns = transform.columns
        let m = FeedbackKernels.Doubles(repeating: 0, count: FeedbackKernels.rowStart(columns))
        try Self.gather(transform, pool, kernels, rows, into: m)

        // Row i of the triangle is row columns - 1 - i of H': factoring from the top is factoring H' from the bottom.
        var sum = 0.0
        for i in 0..<columns { sum += m[FeedbackKernels.rowStart(i) + i] }
        guard sum >= 0 else { throw Self.indefinite }
        let share = Self.dampingShare(least: Self.dampingShare, channels: columns, vectors: vectors)
        let added = sum > 0 ? share * sum / Double(columns) : 1
        for i in 0..<columns { m[FeedbackKernels.rowStart(i) + i] += added }
        guard try kernels.factor(m, rows: columns, pool: pool, checkpoint: checkpoint) else { throw Self.indefinite }
        let mean = sum > 0 ? (1 + share) * sum / Double(columns) : 1
        self.init(transform, unitColumns, triangle: m, damping: added, unit: Double(sign: .plus, exponent: mean.squareRoot().exponent, significand: 1))
        fedVariance = probedVariance(kernels)
    }

    private static var indefinite: QAMError { QAMError(.malformed, "the Hessian is not positive semidefinite") }

    /// Rows read at a time without a rotation.
    private static let rowsAtATime = 64

    /// Fills the triangle with H', one rotation block or a few rows at a time.
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
            guard rows.count == block * columns else { throw QAMError(.truncated, "rows of the Hessian do not have their length") }
            guard rows.allSatisfy(\.isFinite) else { throw QAMError(.malformed, "the Hessian is not finite") }
            // Only columns from the block's own on; the rest follows by symmetry.
            pool.forEach(0..<block, grain: 8) { piece in
                for i in piece {
                    for j in start..<columns { x[i * columns + j] = Double(rows[i * columns + j]) * factors[start + i] * factors[j] }
                    if rotation != nil { kernels.hadamard(x, first: i * columns + start, count: columns - start, block: block) }
                }
            }
            if rotation != nil {
                pool.forEach(start..<columns, grain: 64) {
                    kernels.hadamardRows(x, first: $0.lowerBound, count: $0.count, rowStride: columns, block: block)
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

    /// Extracts F and D from the factored triangle.
    private init(_ transform: RowTransform, _ unitColumns: Int, triangle m: FeedbackKernels.Doubles, damping: Double, unit: Double) {
        let columns = transform.columns, width = FeedbackKernels.groupColumns
        // The last unit is padded with columns whose errors are always zero.
        func v(_ i: Int, _ j: Int) -> Double { j >= columns ? 0 : m[FeedbackKernels.rowStart(columns - 1 - i) + columns - 1 - j] }
        var metric: [Float] = [], diagonals: [UpperTriangle] = []
        for t in stride(from: 0, to: columns, by: unitColumns) {
            let block = UpperTriangle(columns: unitColumns) { v(t + $0, t + $1) }
            metric += block.elements.map { Float($0 / unit) }
            diagonals.append(block)
        }
        var panels: [Float] = []
        let groups = (columns + width - 1) / width
        panels.reserveCapacity(groups * (groups + 1) / 2 * width * width)
        var coefficients = [Double](repeating: 0, count: unitColumns)
        for group in stride(from: 0, to: columns, by: width) {
            for i in 0..<group + width {
                for t in stride(from: group, to: group + width, by: unitColumns) {
                    guard i < t, t < columns else {
                        panels.append(contentsOf: repeatElement(0, count: unitColumns))
                        continue
                    }
                    for c in coefficients.indices { coefficients[c] = v(i, t + c) }
                    diagonals[t / unitColumns].divide(&coefficients)
                    for coefficient in coefficients { panels.append(Float(coefficient)) }
                }
            }
        }
        self.transform = transform
        self.unitColumns = unitColumns
        self.damping = damping
        self.unit = unit
        self.metric = metric
        self.panels = panels
    }
}
