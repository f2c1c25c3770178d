package import QAMFormat

/// Coding with feedback: the error of each pair adjusts the targets of later columns, which minimises the error of the matrix's outputs instead of the weights.
extension RowEncoder {
    /// Rows that are fed through the factor together.
    private static let rowsAtATime = 64

    private func check(_ factor: FeedbackFactor) throws {
        guard factor.transform == transform, factor.unitColumns == type(of: coder).unitColumns else {
            throw QAMError(.invalidArgument, "the factor is that of another rotation, other scales or another code")
        }
    }

    /// Encodes whole rows; as `encode(rows:firstRow:fill:)`, with errors fed through `factor`, which must have the encoder's transform. With `outputCosts`, the
    /// cost of errors of each row's outputs, their expected divergence is in the result too.
    ///
    /// During coding, a row's gain is the coder's, widened like its targets; afterwards it may be refitted to minimise the error of the outputs.
    /// O(columns^2) for each row; memory: four floats per weight of 64 rows.
    package func encode(
        rows: Int, firstRow: Int = 0, feedback factor: FeedbackFactor, outputCosts: [Float]? = nil, kernels: FeedbackKernels = .chosen,
        fill: (Int, inout MutableSpan<Float>) throws -> Void
    ) throws -> TensorChunk {
        try check(factor)
        var chunk = chunk(symbols: [], gains: [], Distortion())
        var work = [Float](repeating: 0, count: FeedbackKernels.workCount)
        for start in stride(from: 0, to: rows, by: Self.rowsAtATime) {
            var batch = FeedbackRows(self, factor, kernels, rows: min(Self.rowsAtATime, rows - start))
            try batch.read(firstRow: firstRow + start) { try fill(start + $0, &$1) }
            batch.code(&work)
            let distortion = try batch.finish(firstRow: firstRow + start, outputCosts: outputCosts, gains: &chunk.streams[1])
            chunk.distortion? += distortion
            chunk.streams[0] += batch.symbols.array(0..<batch.symbols.count)
        }
        return chunk
    }

    /// Encodes all rows of a matrix, with errors fed into later columns and later rows.
    ///
    /// The gain of a row is the coder's, widened like its targets. O(rows * columns * (rows + columns)), on all threads of the pool; the result does not depend
    /// on their number. Memory: two floats per weight, plus that of `OutputFactor`.
    ///
    /// - Parameters:
    ///   - hessian: reads consecutive rows of the output Hessian; called for all rows in ascending order, twice.
    ///   - vectors: the number of vectors that it is the mean over, if known.
    ///   - checkpoint: called regularly; an error that it throws cancels the work.
    ///   - fill: writes the weights of a row, given its number; called twice for each row, and a third time with channel scales.
    /// - Throws: as `encode(rows:firstRow:fill:)` and `OutputFactor`.
    package func encodeAll(
        rows: Int, feedback factor: FeedbackFactor, outputs hessian: (Range<Int>) throws -> [Float], vectors: Int? = nil,
        pool: WorkerPool, kernels: FeedbackKernels = .chosen, checkpoint: () throws -> Void = {},
        fill: (Int, inout MutableSpan<Float>) throws -> Void
    ) throws -> TensorChunk {
        try check(factor)
        // There are no other rows to feed.
        if rows <= layout.groupRows {
            let costs = try (0..<rows).map { try hessian($0..<$0 + 1)[$0] }
            return try encode(rows: rows, feedback: factor, outputCosts: costs, kernels: kernels, fill: fill)
        }
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
        let outputs = try OutputFactor(
            gains: gains, groupRows: layout.groupRows, vectors: vectors, pool: pool, kernels: kernels, checkpoint: checkpoint, hessian: hessian)
        var scales: [Float] = []
        for (place, index) in outputs.order.enumerated() {
            let widening = FeedbackFactor.widening(fedVariance: factor.fedVariance + outputs.fedVariance[place], error: coder.expectedError)
            // Errors are relative to the gain that a reader will decode.
            let gain = layout.gainType.rounded(gains[index] * Float(widening))
            guard gain.isFinite else { throw unfit(row: index) }
            scales.append(gain > 0 ? gain / gains[index] : 0)
            gains[index] = gain
        }
        let matrix = FeedbackMatrix(coder, columns: columns, factor, outputs, kernels, scales: scales)
        for (place, index) in outputs.order.enumerated() where gains[index] > 0 {
            _ = try read(index)
            transform.rotate(&row, gain: gains[index], self.kernels)
            matrix.set(place: place, coordinates: row.span)
        }
        try matrix.code(pool: pool, checkpoint: checkpoint)

        // Half the squared form of the errors, as for any small step away from a minimum.
        distortion.divergence = matrix.meanCost() * outputs.noiseGain / 2
        var scratch = row
        for (place, index) in outputs.order.enumerated() {
            if !layout.isScaled {
                // The rotation preserves distances.
                distortion.error += Double(gains[index]) * Double(gains[index]) * matrix.squaredError(place: place)
            } else {
                var span = row.mutableSpan
                try fill(index, &span)
                let group = index / layout.groupRows
                let symbols = matrix.symbols.array(group * layout.groupBytes..<(group + 1) * layout.groupBytes)
                distortion.error += try squaredError(symbols.span, after: index % layout.groupRows, gain: gains[index], weights: row.span, scratch: &scratch)
            }
        }
        var stored: [UInt8] = []
        for gain in gains { _ = layout.gainType.append(gain, to: &stored) }
        return chunk(symbols: matrix.symbols.array(0..<matrix.symbols.count), gains: stored, distortion)
    }
}
