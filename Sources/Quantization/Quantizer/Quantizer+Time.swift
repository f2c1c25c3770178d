package import QAMFormat

extension Quantizer {
    /// About how many seconds it takes to code a model, measured on a small sample for each code.
    ///
    /// - Parameter speed: multiplications and additions per second, on all threads.
    /// - Throws: as `plan`.
    package func codingSeconds(for source: any TensorSource, speed: Double) throws -> Double {
        struct Kind: Hashable {
            let code: Code
            let isFed: Bool
        }
        let plan = try PlanBuilder(self, source).choices
        var secondsPerWeight: [Kind: Double] = [:], seconds = 0.0
        for (tensor, choice) in plan.choices {
            let kind = Kind(code: choice.code, isFed: choice.feedback != .off), descriptor = source.tensors[tensor]
            let each = try secondsPerWeight[kind] ?? Self.secondsPerWeight(kind.code, effort: plan.effort, isFed: kind.isFed)
            secondsPerWeight[kind] = each
            let rows = Double(descriptor.rows), columns = Double(descriptor.columns), weights = rows * columns
            seconds += weights * each / Double(options.threads)
            guard kind.isFed else { continue }
            // The factors, in double precision, and the triangles that errors are fed through.
            let fedRows = choice.feedback == .columnsAndRows ? rows : 0
            seconds += (2 * (columns * columns * columns + fedRows * fedRows * fedRows) / 3 + weights * (columns + fedRows) / 2) / speed
        }
        return seconds
    }

    /// The time that one thread takes per weight of short rows.
    private static func secondsPerWeight(_ code: Code, effort: Effort, isFed: Bool) throws -> Double {
        let rows = 64, columns = 256, coder = try Coders.coder(code, effort: effort)
        let encoder = try RowEncoder(coder, columns: columns, blockSize: code.family.isRotated ? columns : nil, seed: 0, gainType: .float32)
        let factor =
            try !isFed
            ? nil
            : FeedbackFactor(encoder.transform, unitColumns: type(of: coder).unitColumns, pool: WorkerPool(width: 1)) { range in
                range.flatMap { row in (0..<columns).map { $0 == row ? 1 : 0 } }
            }
        var noise = SignNoise()
        let weights = (0..<rows * columns).map { _ in (0..<12).reduce(Float(0)) { sum, _ in sum + noise.next() } }
        let time = try ContinuousClock().measure {
            guard let factor else { return _ = try encoder.encode(weights) }
            _ = try encoder.encode(rows: rows, feedback: factor) { row, target in
                for column in 0..<columns { target[column] = weights[row * columns + column] }
            }
        }
        return (Double(time.components.seconds) + Double(time.components.attoseconds) * 1e-18) / Double(weights.count)
    }
}
