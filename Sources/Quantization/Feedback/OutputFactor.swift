package import QAMFormat

/// The Cholesky factor for error feedback between rows, from the output Hessian G = E[g gT] of the gradients g at a matrix's outputs: it measures how errors of
/// the outputs change the model's predictions.
///
/// With H = E[x xT] of the inputs, errors E of all weights cost tr(G E H ET) = |UT E V|^2, where G = U UT and H = V VT with U and V upper triangular (K-FAC,
/// arXiv 1503.05671; feedback in both directions as in YAQA, arXiv 2505.22988). Row i of UT E depends only on rows up to i, so the whitened errors of earlier
/// rows adjust the targets of row i. Rows are coded in descending order of the cost of their errors, so that more rows can compensate for the costliest.
package struct OutputFactor: Sendable {
    /// Row numbers in coding order; rows of one group follow each other, and a last group of fewer rows comes last.
    package let order: [Int]
    /// Consecutive rows in this order that are coded together.
    static let blockRows = 32
    /// U of rows normalised by their gains, each divided by its diagonal element: for each block of rows, the columns up to its last row, zero from the first
    /// column of a row's own group on.
    let coefficients: FeedbackKernels.Floats
    /// For each row in coding order, the variance that feedback adds to its targets, for coding noise of unit variance in the targets of all normalised rows.
    package let fedVariance: [Double]

    /// The total cost, by G itself without damping, of noise that costs 1 in each normalised row when it is fed.
    package let noiseGain: Double

    /// The minimum damping of normalised rows, as a fraction of the mean diagonal. It keeps rows of small gain from compensating for errors of others.
    package static let dampingShare = 0.02

    /// The start of a block's coefficients, and their row stride.
    static func place(block: Int) -> (start: Int, rowStride: Int) {
        (blockRows * blockRows * block * (block + 1) / 2, blockRows * (block + 1))
    }

    /// The adjustment of row i's targets per unit of remaining error in row k, in coding order; k < i.
    package func coefficient(row i: Int, of k: Int) -> Float {
        let (start, rowStride) = Self.place(block: i / Self.blockRows)
        return coefficients[start + i % Self.blockRows * rowStride + k]
    }

    /// O(rows^3 / 3), on all threads of the pool. Memory: 4 * rows^2 bytes during construction and 2 * rows^2 for the result.
    ///
    /// - Parameters:
    ///   - gains: of the rows to be coded, before widening.
    ///   - groupRows: the rows that are coded together, between which errors are not fed; divides `blockRows`.
    ///   - vectors: the number of vectors that G is the mean over, if known.
    ///   - checkpoint: called regularly; an error that it throws cancels the work.
    ///   - hessian: reads consecutive rows of G; called for all rows in ascending order, twice.
    /// - Throws: `QAMError.malformed` if G is not finite or not positive semidefinite, and errors from `hessian`.
    package init(
        gains: [Float], groupRows: Int = 1, vectors: Int? = nil, pool: WorkerPool, kernels: FeedbackKernels = .chosen, checkpoint: () throws -> Void = {},
        hessian: (Range<Int>) throws -> [Float]
    ) throws {
        let rows = gains.count
        var diagonal = [Double](repeating: 0, count: rows)
        let piece = 64
        for start in stride(from: 0, to: rows, by: piece) {
            let range = start..<min(start + piece, rows), values = try Self.read(range, rows, hessian)
            for i in range { diagonal[i] = Double(values[(i - start) * rows + i]) * Double(gains[i]) * Double(gains[i]) }
        }
        order = Self.order(diagonal, groupRows: groupRows)
        var places = [Int](repeating: 0, count: rows)
        for (place, row) in order.enumerated() { places[row] = place }

        // Factoring from the top is factoring G from the bottom.
        let m = FeedbackKernels.Doubles(repeating: 0, count: FeedbackKernels.rowStart(rows)), positions = places
        for start in stride(from: 0, to: rows, by: piece) {
            let range = start..<min(start + piece, rows), values = try Self.read(range, rows, hessian)
            pool.forEach(range, grain: 4) { part in
                for i in part {
                    let target = FeedbackKernels.rowStart(rows - 1 - positions[i])
                    for j in 0..<rows where positions[j] >= positions[i] {
                        m[target + rows - 1 - positions[j]] = Double(values[(i - start) * rows + j]) * Double(gains[i]) * Double(gains[j])
                    }
                }
            }
        }
        let share = FeedbackFactor.dampingShare(least: Self.dampingShare, channels: rows, vectors: vectors)
        let sum = diagonal.reduce(0, +), added = sum > 0 ? share * sum / Double(rows) : 1
        guard sum >= 0 else { throw Self.indefinite }
        for i in 0..<rows { m[FeedbackKernels.rowStart(i) + i] += added }
        guard try kernels.factor(m, rows: rows, pool: pool, checkpoint: checkpoint) else { throw Self.indefinite }
        let coefficients = Self.coefficients(triangle: m, rows: rows, groupRows: groupRows, pool: pool)
        self.coefficients = coefficients
        let errors = Self.probedErrors(coefficients, rows: rows, kernels)
        fedVariance = errors.map { max(0, $0 - 1) }
        // Remove the share of the cost that is due to damping.
        // Errors are not fed between the rows of a group.
        var damped = 0.0
        for i in 0..<rows {
            for k in i / groupRows * groupRows...i {
                let element = m[FeedbackKernels.rowStart(rows - 1 - k) + rows - 1 - i]
                damped += element * element
            }
        }
        noiseGain = max(0, damped - added * errors.reduce(0, +))
    }

    /// Groups of rows in descending order of their costs; ties keep the original order.
    private static func order(_ costs: [Double], groupRows: Int) -> [Int] {
        let groups = stride(from: 0, to: costs.count, by: groupRows).map { $0..<min($0 + groupRows, costs.count) }
        let whole = groups.filter { $0.count == groupRows }, sums = whole.map { rows in rows.reduce(0) { $0 + costs[$1] } }
        let sorted = whole.indices.sorted { sums[$0] == sums[$1] ? $0 < $1 : sums[$0] > sums[$1] }
        return sorted.flatMap { whole[$0] } + groups[whole.count...].flatMap { $0 }
    }

    private static func coefficients(triangle m: FeedbackKernels.Doubles, rows: Int, groupRows: Int, pool: WorkerPool) -> FeedbackKernels.Floats {
        let blocks = (rows + blockRows - 1) / blockRows
        let coefficients = FeedbackKernels.Floats(repeating: 0, count: place(block: blocks).start)
        func u(_ k: Int, _ i: Int) -> Double { i >= rows ? 0 : m[FeedbackKernels.rowStart(rows - 1 - k) + rows - 1 - i] }
        pool.forEach(0..<(rows + groupRows - 1) / groupRows, grain: max(1, 8 / groupRows)) { piece in
            var x = [Double](repeating: 0, count: groupRows)
            for group in stride(from: piece.lowerBound * groupRows, to: piece.upperBound * groupRows, by: groupRows) {
                let block = UpperTriangle(columns: groupRows) { u(group + $0, group + $1) }
                let (start, rowStride) = place(block: group / blockRows)
                for k in 0..<group {
                    for c in x.indices { x[c] = u(k, group + c) }
                    block.divide(&x)
                    for c in x.indices where group + c < rows { coefficients[start + (group + c) % blockRows * rowStride + k] = Float(x[c]) }
                }
            }
        }
        return coefficients
    }

    /// The mean squared errors of rows for coding noise of unit variance, measured by feeding noise through as many columns as a group has.
    private static func probedErrors(_ coefficients: FeedbackKernels.Floats, rows: Int, _ kernels: FeedbackKernels) -> [Double] {
        let width = FeedbackKernels.groupColumns, errors = FeedbackKernels.Floats(repeating: 0, count: rows * width)
        var noise = SignNoise()
        return (0..<rows).map { i in
            let (start, rowStride) = place(block: i / blockRows)
            kernels.add(
                .init(numbers: coefficients, start: start + i % blockRows * rowStride, rowStride: rowStride),
                times: .init(numbers: errors, start: 0, rowStride: width),
                count: i, rows: 1, into: .init(numbers: errors, start: i * width, rowStride: width))
            var sum = 0.0
            for j in i * width..<(i + 1) * width {
                errors[j] = noise.next() - errors[j]
                sum += Double(errors[j]) * Double(errors[j])
            }
            return sum / Double(width)
        }
    }

    private static func read(_ range: Range<Int>, _ rows: Int, _ hessian: (Range<Int>) throws -> [Float]) throws -> [Float] {
        let values = try hessian(range)
        guard values.count == range.count * rows else { throw QAMError(.truncated, "rows of the Hessian do not have their length") }
        guard values.allSatisfy(\.isFinite) else { throw QAMError(.malformed, "the Hessian is not finite") }
        return values
    }

    private static var indefinite: QAMError { QAMError(.malformed, "the output Hessian is not positive semidefinite") }
}
