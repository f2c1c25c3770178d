internal import QAMFormat

/// A whole matrix that is coded with errors fed both ways: into the columns of the same row that are not yet coded, and into the rows
/// after it.
///
/// Numbers lie by groups of 128 columns, within a group by rows in the order of coding. A block of rows in one group is coded
/// when the same rows in the groups before are, and the rows before in the same group: blocks on a diagonal at the same time.
struct FeedbackMatrix: Sendable {
    let encoder: RowEncoder
    let factor: FeedbackFactor
    let outputs: OutputFactor
    let kernels: FeedbackKernels
    /// By row in the order of coding, as stored; and what they are larger by than those that `outputs` was made with.
    let gains: [Float]
    private let widenings: [Float]
    private let rows: Int
    private let columns: Int
    /// Coordinates, and of coded columns their errors.
    private let z: FeedbackKernels.Floats
    /// Targets, and of coded columns what coding has left of them without what the rows before had added.
    private let targets: FeedbackKernels.Floats
    /// By row in their own order.
    let symbols: FeedbackKernels.Bytes

    private static let width = FeedbackKernels.groupColumns

    /// - Parameter baseGains: the gains of all rows before they are widened, by their numbers.
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
            // Errors are those of the gain that a reader will see.
            gains.append(encoder.layout.gainType.rounded(baseGains[row] * Float(widening)))
            widenings.append(baseGains[row] > 0 ? gains[place] / baseGains[row] : 1)
        }
        self.gains = gains
        self.widenings = widenings
        z = .init(repeating: 0, count: rows * FeedbackKernels.padded(columns))
        targets = .init(repeating: 0, count: rows * FeedbackKernels.padded(columns))
        symbols = .init(repeating: 0, count: rows * encoder.layout.symbolBytes)
    }

    /// Takes the scaled weights of the row that is coded at this place.
    func set(place: Int, weights: inout [Float]) {
        guard gains[place] > 0 else { return }
        encoder.transform.rotate(&weights, gain: gains[place], encoder.kernels)
        for group in stride(from: 0, to: columns, by: Self.width) {
            z.replace(from: start(group, place), with: weights.span.extracting(group..<min(group + Self.width, columns)))
        }
    }

    /// Where a row's group of columns begins.
    private func start(_ group: Int, _ place: Int) -> Int { group * rows + place * Self.width }

    private func part(_ numbers: FeedbackKernels.Floats, _ group: Int, _ place: Int) -> FeedbackKernels.Rows {
        .init(numbers: numbers, start: start(group, place), apart: Self.width)
    }

    /// Codes all rows, on all threads of the pool. What `checkpoint` throws, which is called for each diagonal, ends the work.
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
        // What the rows before have added.
        let moves = FeedbackKernels.Floats(repeating: 0, count: height * width)
        let codewords = FeedbackKernels.Floats(repeating: 0, count: width)
        func move(_ row: Int) -> FeedbackKernels.Rows { .init(numbers: moves, start: (row - first) * width, apart: width) }
        func coefficients(_ row: Int, from column: Int) -> FeedbackKernels.Rows {
            .init(numbers: outputs.coefficients, start: place.start + (row - first) * place.apart + column, apart: place.apart)
        }
        kernels.add(coefficients(first, from: 0), times: part(targets, group, 0), count: first, rows: end - first, into: move(first))

        for index in start(group, first)..<start(group, end) { targets[index] = z[index] }
        for other in stride(from: 0, to: group, by: width) {
            kernels.feed(
                part(z, other, first), of: other, count: width, rows: end - first, through: factor, group: group, into: part(targets, group, first))
        }
        let code = encoder.coder.code, symbolStart = code.symbolBytes(columns: group), length = code.symbolBytes(columns: used)
        var work = [Float](repeating: 0, count: FeedbackKernels.workCount)
        for row in first..<end where gains[row] > 0 {
            kernels.add(coefficients(row, from: first), times: part(targets, group, first), count: row - first, rows: 1, into: move(row))
            // What is fed from row to row is in units of the gains that the coefficients were made with.
            let toOwn = 1 / widenings[row], index = start(group, row), moved = (row - first) * width
            for j in 0..<used {
                moves[moved + j] *= toOwn
                targets[index + j] += moves[moved + j]
            }
            let target = outputs.order[row] * encoder.layout.symbolBytes + symbolStart
            kernels.code(
                part(z, group, row), group: group, columns: used, encoder.coder, factor, targets: part(targets, group, row),
                codewords: .init(numbers: codewords, start: 0, apart: width), symbols: symbols, at: target..<target + length, work: &work)
            for j in 0..<used {
                z[index + j] -= codewords[j]
                targets[index + j] = (targets[index + j] - moves[moved + j]) * widenings[row]
            }
        }
    }

    /// The squared error of the coded, scaled weights of the row at this place: the rotation keeps distances.
    func squaredError(place: Int) -> Double {
        var sum = 0.0
        for group in stride(from: 0, to: columns, by: Self.width) {
            for index in start(group, place)..<start(group, place) + Self.width { sum += Double(z[index]) * Double(z[index]) }
        }
        return Double(gains[place]) * Double(gains[place]) * sum
    }
}
