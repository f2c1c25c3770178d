internal import QAMFormat

/// Rows coded with error feedback into later columns of the same row and, if an output factor is given, into later rows: then they are a whole matrix.
///
/// Numbers are stored by groups of 128 columns, within a group by rows in coding order. A *step* is the columns that the coder codes in one call. A block of
/// rows in one step depends on the same rows in earlier steps and on earlier rows in the same step, so the blocks of a diagonal are coded concurrently.
struct FeedbackMatrix: Sendable {
    let coder: any FeedbackCoder
    let factor: FeedbackFactor
    let outputs: OutputFactor?
    let kernels: FeedbackKernels
    /// By row in coding order, the unit of its coordinates relative to the one that `outputs` was computed with; 0 for a row of zeros.
    private let scales: [Float]
    private let rows: Int
    private let columns: Int
    /// Coordinates; errors for coded columns.
    private let z: FeedbackKernels.Floats
    /// Targets; for coded columns the remaining errors, without the adjustment from earlier rows.
    private let targets: FeedbackKernels.Floats
    /// By row in coding order, the damped cost of its errors less those fed from earlier rows.
    private let costs: FeedbackKernels.Doubles
    /// By row in the original order.
    let symbols: FeedbackKernels.Bytes

    private static let width = FeedbackKernels.groupColumns

    init(
        _ coder: any FeedbackCoder, columns: Int, _ factor: FeedbackFactor, _ outputs: OutputFactor?, _ kernels: FeedbackKernels, scales: [Float]
    ) {
        self.coder = coder
        self.factor = factor
        self.outputs = outputs
        self.kernels = kernels
        self.scales = scales
        self.columns = columns
        rows = scales.count
        z = .init(repeating: 0, count: rows * FeedbackKernels.padded(columns))
        targets = .init(repeating: 0, count: rows * FeedbackKernels.padded(columns))
        costs = .init(repeating: 0, count: rows)
        symbols = .init(repeating: 0, count: (rows + coder.groupRows - 1) / coder.groupRows * coder.symbolBytes(columns: columns))
    }

    /// Stores the coordinates of the row at this place in coding order.
    func set(place: Int, coordinates: Span<Float>) {
        guard scales[place] > 0 else { return }
        for group in stride(from: 0, to: columns, by: Self.width) {
            z.replace(from: start(group, place), with: coordinates.extracting(group..<min(group + Self.width, columns)))
        }
    }

    /// The start of a row's group of columns.
    private func start(_ group: Int, _ place: Int) -> Int { group * rows + place * Self.width }

    private func part(_ numbers: FeedbackKernels.Floats, _ group: Int, _ place: Int) -> FeedbackKernels.Rows {
        .init(numbers: numbers, start: start(group, place), rowStride: Self.width)
    }

    /// The columns of a step.
    private var stepColumns: Int { coder.groupCount * Self.width }

    /// Encodes all rows, on all threads of the pool. `checkpoint` is called for each diagonal; an error that it throws cancels the work.
    func code(pool: WorkerPool, checkpoint: () throws -> Void) rethrows {
        let height = OutputFactor.blockRows, blocks = (rows + height - 1) / height, steps = (columns + stepColumns - 1) / stepColumns
        for diagonal in 0..<blocks + steps - 1 {
            try checkpoint()
            let first = max(0, diagonal - steps + 1), end = min(blocks, diagonal + 1)
            pool.forEach(first..<end, grain: 1) { piece in
                for block in piece { code(block: block, step: (diagonal - block) * stepColumns) }
            }
        }
    }

    /// Encodes all rows on the caller's thread.
    func code() {
        for block in stride(from: 0, to: rows, by: OutputFactor.blockRows) {
            for step in stride(from: 0, to: columns, by: stepColumns) { code(block: block / OutputFactor.blockRows, step: step) }
        }
    }

    private func code(block: Int, step: Int) {
        let width = Self.width, height = OutputFactor.blockRows
        let first = block * height, end = min(first + height, rows), used = min(stepColumns, columns - step)
        let groups = Array(stride(from: step, to: step + used, by: width))
        // The adjustments from earlier rows, by groups.
        let moves = FeedbackKernels.Floats(repeating: 0, count: groups.count * height * width)
        let codewords = FeedbackKernels.Floats(repeating: 0, count: groups.count * coder.groupRows * width)
        func move(_ index: Int, _ row: Int) -> FeedbackKernels.Rows {
            .init(numbers: moves, start: (index * height + row - first) * width, rowStride: width)
        }
        for (index, group) in groups.enumerated() {
            add(first..<end, after: 0, count: first, group: group, into: move(index, first))
            for index in start(group, first)..<start(group, end) { targets[index] = z[index] }
            for other in stride(from: 0, to: step, by: width) {
                kernels.feed(
                    part(z, other, first), of: other, count: width, rows: end - first, through: factor, group: group, into: part(targets, group, first))
            }
        }
        var work = [Float](repeating: 0, count: FeedbackKernels.workCount)
        for unit in stride(from: first, to: end, by: coder.groupRows) {
            let rows = unit..<min(unit + coder.groupRows, end)
            guard rows.contains(where: { scales[$0] > 0 }) else { continue }
            for (index, group) in groups.enumerated() {
                for row in rows where scales[row] > 0 {
                    add(row..<row + 1, after: first, count: unit - first, group: group, into: move(index, row))
                    // Feedback between rows is in the units that the coefficients were computed with.
                    let toOwn = 1 / scales[row], target = start(group, row), moved = move(index, row).start
                    for j in 0..<min(width, columns - group) {
                        moves[moved + j] *= toOwn
                        targets[target + j] += moves[moved + j]
                    }
                }
            }
            func coded(_ index: Int) -> FeedbackKernels.Rows {
                .init(numbers: codewords, start: index * coder.groupRows * width, rowStride: width)
            }
            let symbol = (outputs?.order[unit] ?? unit) / coder.groupRows * coder.symbolBytes(columns: columns) + coder.symbolBytes(columns: step)
            kernels.code(
                groups.enumerated().map { .init(z: part(z, $1, unit), targets: part(targets, $1, unit), codewords: coded($0)) }, rows: rows.count,
                start: step, columns: used, coder, factor, symbols: symbols, at: symbol..<symbol + coder.symbolBytes(columns: used), work: &work)
            for (index, group) in groups.enumerated() {
                for row in rows { finish(row, group, moves: move(index, row).start, moves, coded(index).start + (row - unit) * width, codewords) }
            }
        }
    }

    /// Adds to `moves` the adjustment of rows by `count` earlier rows from row `other` on.
    private func add(_ rows: Range<Int>, after other: Int, count: Int, group: Int, into moves: FeedbackKernels.Rows) {
        guard let outputs else { return }
        let block = rows.lowerBound / OutputFactor.blockRows, place = OutputFactor.place(block: block)
        kernels.add(
            .init(
                numbers: outputs.coefficients,
                start: place.start + (rows.lowerBound - block * OutputFactor.blockRows) * place.rowStride + other, rowStride: place.rowStride),
            times: part(targets, group, other), count: count, rows: rows.count, into: moves)
    }

    /// Adds up what a coded row's errors cost, and replaces its numbers by them.
    private func finish(
        _ row: Int, _ group: Int, moves moved: Int, _ moves: FeedbackKernels.Floats, _ coded: Int, _ codewords: FeedbackKernels.Floats
    ) {
        let index = start(group, row)
        costs[row] += factor.cost(of: targets, at: index, columns: group..<min(group + Self.width, columns)) * Double(scales[row]) * Double(scales[row])
        for j in 0..<min(Self.width, columns - group) {
            z[index + j] -= codewords[coded + j]
            targets[index + j] = (targets[index + j] - moves[moved + j]) * scales[row]
        }
        // A row of zeros has no errors, whatever it is coded as.
        if scales[row] <= 0 { for j in 0..<min(Self.width, columns - group) { (z[index + j], targets[index + j]) = (0, 0) } }
    }

    /// The cost of the errors of the coded row at this place less those fed from earlier rows, without that due to damping.
    func cost(place: Int) -> Double { costs[place] * factor.undampedShare }

    /// The mean cost of rows.
    func meanCost() -> Double {
        let coded = scales.count { $0 > 0 }
        return coded > 0 ? (0..<rows).reduce(0) { $0 + cost(place: $1) } / Double(coded) : 0
    }

    /// The squared error of the coordinates of the coded row at this place.
    func squaredError(place: Int) -> Double {
        var sum = 0.0
        for group in stride(from: 0, to: columns, by: Self.width) {
            for index in start(group, place)..<start(group, place) + Self.width { sum += Double(z[index]) * Double(z[index]) }
        }
        return sum
    }
}
