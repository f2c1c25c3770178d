package import QAMFormat

/// Encodes matrices as one of ggml's block types, with error feedback into later columns and rows.
package struct BlockEncoder: Sendable {
    private let coder: BlockCoder
    private let columns: Int
    private let kernels: FeedbackKernels

    /// The transform of its factors: none.
    package var transform: RowTransform { RowTransform(columns: columns, rotation: nil) }
    private var rowBytes: Int { coder.symbolBytes(columns: columns) }

    /// Rows that are fed through the factor together.
    private static let rowsAtATime = 64
    /// What the halves of blocks can hold is below.
    private static let limit: Float = 65504
    /// The least root mean square of a row that is coded: the values of others are far below what blocks can hold.
    private static let leastSize = 0x1p-40

    /// - Throws: `QAMError.invalidArgument` for a type that is not coded with feedback, or rows that are not whole blocks.
    package init(_ dtype: DType, columns: Int, kernels: FeedbackKernels = .chosen) throws {
        guard let coder = BlockCoder(dtype) else { throw QAMError(.invalidArgument, "\(dtype.name) is not coded with error feedback") }
        guard columns > 0, columns % dtype.blockElements == 0 else {
            throw QAMError(.invalidArgument, "rows of \(columns) elements are not a whole number of \(dtype.name) blocks")
        }
        self.coder = coder
        self.columns = columns
        self.kernels = kernels
    }

    /// Encodes consecutive rows with errors fed into later columns. O(columns^2) for each row; memory: two floats per weight of 64 rows.
    ///
    /// - Parameters:
    ///   - factor: of the Hessian of the inputs, with the encoder's transform and a unit of one column.
    ///   - outputCosts: the cost of errors of each row's outputs, by which their expected divergence is in the result.
    ///   - fill: writes the weights of a row, given its index from 0.
    /// - Throws: `QAMError.unsupported` for values that are not finite or too large (the message counts rows from `firstRow`), and errors from `fill`.
    package func encode(
        rows: Int, firstRow: Int = 0, feedback factor: FeedbackFactor, outputCosts: [Float]? = nil,
        fill: (Int, inout MutableSpan<Float>) throws -> Void
    ) throws -> TensorChunk {
        try check(factor)
        var chunk = TensorChunk(streams: [[]], distortion: Distortion())
        var row = [Float](repeating: 0, count: columns)
        for start in stride(from: 0, to: rows, by: Self.rowsAtATime) {
            let count = min(Self.rowsAtATime, rows - start)
            let matrix = FeedbackMatrix(coder, columns: columns, factor, nil, kernels, scales: [Float](repeating: 1, count: count))
            for i in 0..<count {
                chunk.distortion?.energy += try read(start + i, numbered: firstRow + start + i, into: &row, fill)
                matrix.set(place: i, coordinates: row.span)
            }
            matrix.code()
            for i in 0..<count { chunk.distortion?.error += matrix.squaredError(place: i) }
            if let outputCosts {
                let divergence = (0..<count).reduce(0) { $0 + Double(outputCosts[firstRow + start + $1]) * matrix.cost(place: $1) / 2 }
                chunk.distortion? += Distortion(divergence: divergence)
            }
            chunk.streams[0] += matrix.symbols.array(0..<count * rowBytes)
        }
        return chunk
    }

    /// Encodes all rows of a matrix, with errors fed into later columns and later rows. Rows are compared in units of their root mean squares.
    ///
    /// O(rows * columns * (rows + columns)), on all threads of the pool; the result does not depend on their number. Memory: two floats per weight, plus
    /// that of `OutputFactor`.
    ///
    /// - Parameters:
    ///   - hessian: reads consecutive rows of the output Hessian; called for all rows in ascending order, twice.
    ///   - vectors: the number of vectors that it is the mean over, if known.
    ///   - checkpoint: called regularly; an error that it throws cancels the work.
    ///   - fill: writes the weights of a row, given its number; called twice for each row.
    /// - Throws: as `encode` and `OutputFactor`.
    package func encodeAll(
        rows: Int, feedback factor: FeedbackFactor, outputs hessian: (Range<Int>) throws -> [Float], vectors: Int? = nil, pool: WorkerPool,
        checkpoint: () throws -> Void = {}, fill: (Int, inout MutableSpan<Float>) throws -> Void
    ) throws -> TensorChunk {
        try check(factor)
        var row = [Float](repeating: 0, count: columns), distortion = Distortion(), sizes: [Float] = []
        for index in 0..<rows {
            let energy = try read(index, numbered: index, into: &row, fill), size = (energy / Double(columns)).squareRoot()
            sizes.append(size >= Self.leastSize ? Float(size) : 0)
            distortion.energy += energy
        }
        let outputs = try OutputFactor(gains: sizes, vectors: vectors, pool: pool, kernels: kernels, checkpoint: checkpoint, hessian: hessian)
        let matrix = FeedbackMatrix(
            coder, columns: columns, factor, outputs, kernels, scales: outputs.order.map { sizes[$0] > 0 ? 1 / sizes[$0] : 0 })
        for (place, index) in outputs.order.enumerated() {
            _ = try read(index, numbered: index, into: &row, fill)
            matrix.set(place: place, coordinates: row.span)
        }
        try matrix.code(pool: pool, checkpoint: checkpoint)
        for place in 0..<rows { distortion.error += matrix.squaredError(place: place) }
        distortion.divergence = matrix.meanCost() * outputs.noiseGain / 2
        return TensorChunk(streams: [matrix.symbols.array(0..<matrix.symbols.count)], distortion: distortion)
    }

    private func check(_ factor: FeedbackFactor) throws {
        guard factor.transform == transform, factor.unitColumns == BlockCoder.unitColumns else {
            throw QAMError(.invalidArgument, "the factor is that of rows that are transformed, or of another code")
        }
    }

    /// Reads a row and returns its sum of squares.
    private func read(_ index: Int, numbered number: Int, into row: inout [Float], _ fill: (Int, inout MutableSpan<Float>) throws -> Void) throws -> Double {
        var span = row.mutableSpan
        try fill(index, &span)
        if let value = row.first(where: { !($0.magnitude < Self.limit) }) {
            throw QAMError(
                .unsupported,
                "the value \(value) in row \(number) cannot be stored as \(coder.dtype.name), which takes finite numbers below \(Int(Self.limit)); choose f32 or bf16, or repair the model"
            )
        }
        return row.reduce(0) { $0 + Double($1) * Double($1) }
    }
}
