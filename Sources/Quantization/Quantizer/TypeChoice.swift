package import QAMFormat

/// ggml's types chosen for each tensor so that errors cost least, and what they are expected to cost.
package struct TypeChoice: Sendable {
    /// By tensor index.
    package let types: [Int: DType]
    package let unit: RateChoice.Unit
    /// The expected cost of all errors, in its unit.
    package let cost: Double

    /// Chooses among the candidates of each tensor: the cheapest ones with which the model takes at most `limit` bytes.
    ///
    /// - Parameters:
    ///   - candidates: types that are coded with feedback, by tensor index.
    ///   - feedback: what errors are fed into, as far as the statistics have Hessians of inputs and outputs.
    ///   - size: the bytes of the model with these types.
    ///   - checkpoint: called regularly; an error that it throws cancels the work.
    ///   - monitor: gets the number of tensors done, their total and the tensor's name after each tensor.
    /// - Throws: `QAMError.invalidArgument` for a tensor without Hessian, or if the model is larger even with the smallest types.
    package static func choose(
        _ candidates: [Int: [DType]], of source: any TensorSource, by statistics: CalibrationFile, feedback: Quantizer.Feedback, limit: Int,
        size: ([Int: DType]) throws -> Int, threads: Int, checkpoint: @escaping @Sendable () throws -> Void = {},
        monitor: (Int, Int, String) throws -> Void = { _, _, _ in }
    ) async throws -> TypeChoice {
        let statistics = try statistics.ordered(for: source), tensors = candidates.keys.sorted()
        let unit = statistics.unit(of: tensors.map { source.tensors[$0] })
        let jobs = try tensors.map { try Job($0, of: source, as: candidates[$0] ?? [], by: statistics, feedback) }
        let users = jobs.compactMap { job in job.matrix.key.map { (tensor: job.matrix.tensor, rows: job.matrix.reader.descriptor.rows, key: $0) } }
        let factors = try FeedbackFactors(statistics, users: users, threads: threads, checkpoint: checkpoint)
        var curves: [RateCurve] = []
        // Statistics that are computed are read in order.
        try await orderedMap(0..<jobs.count, width: statistics.isComputed ? 1 : threads) { index in
            try jobs[index].matrix.reader.named { try jobs[index].curve(unit, factors) }
        } consume: { index, curve in
            curves.append(curve)
            try monitor(index + 1, jobs.count, jobs[index].matrix.reader.descriptor.name)
        }
        func types(_ chosen: [Int]) -> [Int: DType] {
            Dictionary(uniqueKeysWithValues: zip(jobs, chosen).map { ($0.matrix.tensor, $0.types[$1]) })
        }
        let chosen = try RateAllocation.choose(curves, limit: limit, parameters: ModelSize(source).parameters) { try size(types($0)) }
        return TypeChoice(types: types(chosen), unit: unit, cost: zip(curves, chosen).reduce(0) { $0 + $1.0.points[$1.1].cost })
    }

    /// A tensor to be measured, and its types in ascending order of their sizes.
    private struct Job: Sendable {
        let matrix: MeasuredMatrix
        let types: [DType]
        private let encoders: [BlockEncoder]

        init(_ tensor: Int, of source: any TensorSource, as candidates: [DType], by statistics: CalibrationFile, _ feedback: Quantizer.Feedback) throws {
            let reader = try RowReader(source, tensor: tensor, to: nil), columns = reader.columns
            types = candidates.sorted { $0.bitsPerWeight < $1.bitsPerWeight }
            encoders = try types.map { try BlockEncoder($0, columns: columns) }
            let possible = QuantizationChoice.Feedback(statistics, for: reader.descriptor)
            matrix = try MeasuredMatrix(
                tensor, reader, transform: RowTransform(columns: columns, rotation: nil), unitColumns: BlockCoder.unitColumns, groupRows: 1,
                feedback: feedback.limit(possible), by: statistics)
            guard matrix.key != nil else {
                throw QAMError(.invalidArgument, "its type cannot be chosen: the calibration has no Hessian for it", at: .init(tensor: reader.descriptor.name))
            }
        }

        func curve(_ unit: RateChoice.Unit, _ factors: FeedbackFactors) throws -> RateCurve {
            let columns = matrix.reader.columns, weights = matrix.reader.descriptor.elementCount
            let options = zip(types, encoders).map { type, encoder in
                MeasuredMatrix.Option(bits: type.bitsPerWeight, storedBits: Int(type.bitsPerWeight * Double(weights))) { rows, factor in
                    guard let factor else { return 0 }
                    let count = rows.count / columns
                    let chunk = try encoder.encode(rows: count, feedback: factor, outputCosts: [Float](repeating: 2, count: count)) { row, target in
                        for column in 0..<columns { target[column] = rows[row * columns + column] }
                    }
                    return chunk.distortion?.divergence ?? 0
                }
            }
            return try matrix.curve(unit, options, factors) { row in row.reduce(0) { $0 + Double($1) * Double($1) } / Double(columns) }
        }
    }
}

extension DType {
    /// The stored bits of an element.
    fileprivate var bitsPerWeight: Double { 8 * Double(blockBytes) / Double(blockElements) }
}
