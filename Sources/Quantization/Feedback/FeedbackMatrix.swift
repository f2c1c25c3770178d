internal import QAMFormat

/// A whole matrix coded with error feedback in both directions: into later columns of the same row, and into later rows.
///
/// Numbers are stored by groups of 128 columns, within a group by rows in coding order. A block of rows in one group depends on the same rows in earlier groups
/// and on earlier rows in the same group, so the blocks of a diagonal are coded concurrently.
struct FeedbackMatrix: Sendable {
    let encoder: RowEncoder
    let factor: FeedbackFactor
    let outputs: OutputFactor
    let kernels: FeedbackKernels
    /// Stored gains by row in coding order; `widenings` are their ratios to the gains that `outputs` was computed with.
    let gains: [Float]
    private let widenings: [Float]
    private let rows: Int
    private let columns: Int
    /// Coordinates; errors for coded columns.
    private let z: FeedbackKernels.Floats
    /// Targets; for coded columns the remaining errors, without the adjustment from earlier rows.
    private let targets: FeedbackKernels.Floats
    /// By row in the original order.
    let symbols: FeedbackKernels.Bytes

    private static let width = FeedbackKernels.groupColumns

    /// - Parameter baseGains: the gains of all rows before widening, by row number.
    init(_ encoder: RowEncoder, _ factor: FeedbackFactor, _ outputs: OutputFactor, _ kernels: FeedbackKernels, baseGains: [Float]) {
        self.encoder = encoder
        self.factor = factor
        self.outputs = outputs
        self.kernels = kernels
        rows = baseGains.count
        columns = encoder.columns
        var gains: [Float] = [], widenings: [Float] = []
        for (place, row) in outputs.order.enumerated() {
            let widening = FeedbackFactor.widening(
                fedVariance: factor.fedVariance + outputs.fedVariance[place], error: encoder.coder.expectedError)
            // Errors are relative to the gain that a reader will decode.
            gains.append(encoder.layout.gainType.rounded(baseGains[row] * Float(widening)))
            widenings.append(baseGains[row] > 0 ? gains[place] / baseGains[row] : 1)
        }
        self.gains = gains
        self.widenings = widenings
        z = .init(repeating: 0, count: rows * FeedbackKernels.padded(columns))
        targets = .init(repeating: 0, count: rows * FeedbackKernels.padded(columns))
        symbols = .init(repeating: 0, count: encoder.layout.symbolBytes(rows: rows))
    }

    /// Stores the scaled weights of the row at this place in coding order.
    func set(place: Int, weights: inout [Float]) {
        guard gains[place] > 0 else { return }
        encoder.transform.rotate(&weights, gain: gains[place], encoder.kernels)
        for group in stride(from: 0, to: columns, by: Self.width) {
            z.replace(from: start(group, place), with: weights.span.extracting(group..<min(group + Self.width, columns)))
        }
    }

    /// The start of a row's group of columns.
    private func start(_ group: Int, _ place: Int) -> Int { group * rows + place * Self.width }

    private func part(_ numbers: FeedbackKernels.Floats, _ group: Int, _ place: Int) -> FeedbackKernels.Rows {
        .init(numbers: numbers, start: start(group, place), rowStride: Self.width)
    }

    /// Encodes all rows, on all threads of the pool. `checkpoint` is called for each diagonal; an error that it throws cancels the work.
    func code(pool: WorkerPool, checkpoint: () throws -> Void) rethrows {
        let height = OutputFactor.blockRows, blocks = (rows + height - 1) / height, groups = FeedbackKernels.padded(columns) / Self.width
        for diagonal in 0..<blocks + groups - 1 {
            try checkpoint()
            let first = max(0, diagonal - groups + 1), end = min(blocks, diagonal + 1)
            pool.forEach(first..<end, grain: 1) { piece in
                for block in piece { code(block: block, group: (diagonal - block) * Self.width) }
            }
        }
    }

    private func code(block: Int, group: Int) {
        let width = Self.width, height = OutputFactor.blockRows
        let first = block * height, end = min(first + height, rows), used = min(width, columns - group)
        let place = OutputFactor.place(block: block)
        // The adjustments from earlier rows.
        let moves = FeedbackKernels.Floats(repeating: 0, count: height * width)
        let codewords = FeedbackKernels.Floats(repeating: 0, count: encoder.layout.groupRows * width)
        func move(_ row: Int) -> FeedbackKernels.Rows { .init(numbers: moves, start: (row - first) * width, rowStride: width) }
        func coefficients(_ row: Int, from column: Int) -> FeedbackKernels.Rows {
            .init(numbers: outputs.coefficients, start: place.start + (row - first) * place.rowStride + column, rowStride: place.rowStride)
        }
        kernels.add(coefficients(first, from: 0), times: part(targets, group, 0), count: first, rows: end - first, into: move(first))

        for index in start(group, first)..<start(group, end) { targets[index] = z[index] }
        for other in stride(from: 0, to: group, by: width) {
            kernels.feed(
                part(z, other, first), of: other, count: width, rows: end - first, through: factor, group: group, into: part(targets, group, first))
        }
        var work = [Float](repeating: 0, count: FeedbackKernels.workCount)
        for unit in stride(from: first, to: end, by: encoder.layout.groupRows) {
            let rows = unit..<min(unit + encoder.layout.groupRows, end)
            guard rows.contains(where: { gains[$0] > 0 }) else { continue }
            for row in rows where gains[row] > 0 {
                kernels.add(coefficients(row, from: first), times: part(targets, group, first), count: unit - first, rows: 1, into: move(row))
                // Feedback between rows is in units of the gains that the coefficients were computed with.
                let toOwn = 1 / widenings[row], index = start(group, row), moved = (row - first) * width
                for j in 0..<used {
                    moves[moved + j] *= toOwn
                    targets[index + j] += moves[moved + j]
                }
            }
            let symbol = outputs.order[unit] / encoder.layout.groupRows * encoder.layout.groupBytes + encoder.coder.code.groupBytes(columns: group)
            kernels.code(
                part(z, group, unit), rows: rows.count, group: group, columns: used, encoder.coder, factor, targets: part(targets, group, unit),
                codewords: .init(numbers: codewords, start: 0, rowStride: width), symbols: symbols,
                at: symbol..<symbol + encoder.coder.code.groupBytes(columns: used), work: &work)
            for row in rows {
                let index = start(group, row), moved = (row - first) * width, coded = (row - unit) * width
                for j in 0..<used {
                    z[index + j] -= codewords[coded + j]
                    targets[index + j] = (targets[index + j] - moves[moved + j]) * widenings[row]
                }
                // A row of zeros has no errors, whatever it is coded as.
                if gains[row] <= 0 { for j in 0..<used { (z[index + j], targets[index + j]) = (0, 0) } }
            }
        }
    }

    /// The squared error of the scaled weights of the coded row at this place: the rotation preserves distances.
    func squaredError(place: Int) -> Double {
        var sum = 0.0
        for group in stride(from: 0, to: columns, by: Self.width) {
            for index in start(group, place)..<start(group, place) + Self.width { sum += Double(z[index]) * Double(z[index]) }
        }
        return Double(gains[place]) * Double(gains[place]) * sum
    }
}
