package import QAMFormat

/// Coding with feedback: the error of each pair moves the columns of its row that are not yet coded, so that what the errors do to the
/// matrix's outputs is small, not the errors themselves.
extension RowEncoder {
    /// Rows that go through the factor together.
    private static let rowsAtATime = 64

    /// Codes whole rows; as `encode(rows:firstRow:fill:)`, with errors fed through `factor`, which is that of the encoder's transform.
    ///
    /// While its errors are fed, the gain of a row is what the coder says, widened as its targets are; it may then be fitted to the least
    /// error of the outputs.
    /// O(columns^2) for each row; memory: four floats for each weight of 64 rows.
    package func encode(
        rows: Int, firstRow: Int = 0, feedback factor: FeedbackFactor, kernels: FeedbackKernels = .chosen,
        fill: (Int, inout MutableSpan<Float>) throws -> Void
    ) throws -> TensorChunk {
        guard factor.transform == transform else { throw QAMError(.invalidArgument, "the factor is that of another rotation or other scales") }
        var chunk = chunk(symbols: [], gains: [], Distortion())
        var work = [Float](repeating: 0, count: FeedbackKernels.workCount)
        for start in stride(from: 0, to: rows, by: Self.rowsAtATime) {
            var batch = FeedbackRows(self, factor, kernels, rows: min(Self.rowsAtATime, rows - start))
            try batch.read(firstRow: firstRow + start) { try fill(start + $0, &$1) }
            batch.code(&work)
            let distortion = try batch.finish(firstRow: firstRow + start, gains: &chunk.streams[1])
            chunk.distortion? += distortion
            chunk.streams[0] += batch.symbols.array(0..<batch.symbols.count)
        }
        return chunk
    }

    /// Codes all rows of a matrix, with errors fed into the columns and the rows that come after them.
    ///
    /// The gain of a row is what the coder says, widened as its targets are. O(rows * columns * (rows + columns)), on all threads of the pool,
    /// whose number changes nothing; memory: two floats for each weight, and what `OutputFactor` takes.
    ///
    /// - Parameters:
    ///   - moments: reads rows of the second moments of the gradients at the matrix's outputs; all in ascending order, two times.
    ///   - vectors: how many those are the mean over, where that is known.
    ///   - checkpoint: called time and again; what it throws ends the work.
    ///   - fill: writes the weights of the row of this number; each row two times, and a third time where there are scales.
    /// - Throws: as `encode(rows:firstRow:fill:)`, and `OutputFactor`.
    package func encodeAll(
        rows: Int, feedback factor: FeedbackFactor, outputs moments: (Range<Int>) throws -> [Float], vectors: Int? = nil,
        pool: WorkerPool, kernels: FeedbackKernels = .chosen, checkpoint: () throws -> Void = {},
        fill: (Int, inout MutableSpan<Float>) throws -> Void
    ) throws -> TensorChunk {
        guard factor.transform == transform else { throw QAMError(.invalidArgument, "the factor is that of another rotation or other scales") }
        var row = [Float](repeating: 0, count: columns)
        func read(_ index: Int) throws -> (energy: Double, gain: Float) {
            var span = row.mutableSpan
            try fill(index, &span)
            return scale(&row)
        }
        var distortion = Distortion(), gains: [Float] = []
        for index in 0..<rows {
            let (energy, gain) = try read(index)
            guard gain.isFinite, energy.isFinite else { throw unfit(row: index) }
            gains.append(gain)
            distortion.energy += energy
        }
        let outputs = try OutputFactor(gains: gains, vectors: vectors, pool: pool, kernels: kernels, checkpoint: checkpoint, moments: moments)
        let matrix = FeedbackMatrix(self, factor, outputs, kernels, baseGains: gains)
        for (place, index) in outputs.order.enumerated() {
            guard matrix.gains[place].isFinite else { throw unfit(row: index) }
            _ = try read(index)
            matrix.set(place: place, weights: &row)
            gains[index] = matrix.gains[place]
        }
        try matrix.code(pool: pool, checkpoint: checkpoint)

        let symbolBytes = layout.symbolBytes
        var scratch = row
        for (place, index) in outputs.order.enumerated() {
            if !layout.isScaled {
                distortion.error += matrix.squaredError(place: place)
            } else {
                var span = row.mutableSpan
                try fill(index, &span)
                let symbols = matrix.symbols.array(index * symbolBytes..<(index + 1) * symbolBytes)
                distortion.error += try squaredError(symbols.span, gain: gains[index], weights: row.span, scratch: &scratch)
            }
        }
        var stored: [UInt8] = []
        for gain in gains { _ = layout.gainType.append(gain, to: &stored) }
        return chunk(symbols: matrix.symbols.array(0..<matrix.symbols.count), gains: stored, distortion)
    }
}
