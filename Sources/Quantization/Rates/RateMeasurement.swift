package import QAMFormat

/// Measures the cost of coding tensors at each rate: a sample of rows is coded at all rates as planned, and the errors are weighted by the calibration
/// statistics.
package struct RateMeasurement: Sendable {
    package typealias Unit = RateChoice.Unit

    package let unit: Unit
    /// By tensor index.
    package let curves: [Int: RateCurve]

    /// - Parameters:
    ///   - tensors: those whose rates are to be chosen.
    ///   - checkpoint: called regularly; an error that it throws cancels the work.
    ///   - monitor: gets the number of tensors done, their total and the tensor's name after each tensor; an error that it throws cancels the work.
    /// - Throws: `QAMError.invalidArgument` for a tensor without statistics, `malformed` for statistics or weights that are not finite, and errors from
    ///   reading.
    package static func measure(
        _ tensors: [Int], of source: any TensorSource, plan: QuantizationPlan, by calibration: CalibrationFile, threads: Int,
        checkpoint: @escaping @Sendable () throws -> Void = {}, monitor: (Int, Int, String) throws -> Void = { _, _, _ in }
    ) async throws -> RateMeasurement {
        let unit = calibration.unit(of: tensors.map { source.tensors[$0] })
        var coders: [Code.Family: [any GroupCoder]] = [:]
        for family in Set(tensors.compactMap { plan.choices[$0]?.code.family }) {
            guard family.codes.count > 1 else {
                throw QAMError(.invalidArgument, "rates cannot be chosen: family \(family.name) has one rate only")
            }
            // The least effort: what errors cost at one rate relative to another hardly depends on it.
            coders[family] = try family.codes.map { try Coders.coder($0, effort: .fast) }
        }
        let jobs = try tensors.map { try Job($0, source, plan, calibration, coders) }
        let users = jobs.compactMap { job in job.matrix.key.map { (tensor: job.matrix.tensor, rows: job.matrix.reader.descriptor.rows, key: $0) } }
        let factors = try FeedbackFactors(calibration, users: users, threads: threads, checkpoint: checkpoint)
        var curves: [Int: RateCurve] = [:]
        // Statistics that are computed are read in order.
        try await orderedMap(0..<jobs.count, width: calibration.isComputed ? 1 : threads) { index in
            try jobs[index].matrix.reader.named { try jobs[index].curve(unit, factors) }
        } consume: { index, curve in
            curves[jobs[index].matrix.tensor] = curve
            try monitor(index + 1, jobs.count, jobs[index].matrix.reader.descriptor.name)
        }
        return RateMeasurement(unit: unit, curves: curves)
    }

    /// A tensor to be measured.
    private struct Job: Sendable {
        let matrix: MeasuredMatrix
        /// By rate.
        private let encoders: [RowEncoder]

        init(
            _ tensor: Int, _ source: any TensorSource, _ plan: QuantizationPlan, _ calibration: CalibrationFile,
            _ coders: [Code.Family: [any GroupCoder]]
        ) throws {
            guard let choice = plan.choices[tensor] else { throw QAMError(.invalidArgument, "tensor \(tensor) is not planned") }
            let family = choice.code.family, reader = try RowReader(source, tensor: tensor, to: family)
            encoders = try (coders[family] ?? []).map { try choice.encoder($0, columns: reader.columns, gainType: .float16, refit: plan.refit) }
            matrix = try MeasuredMatrix(
                tensor, reader, transform: encoders[0].transform, unitColumns: type(of: encoders[0].coder).unitColumns, groupRows: family.groupRows,
                feedback: choice.feedback, by: calibration)
        }

        func curve(_ unit: Unit, _ factors: FeedbackFactors) throws -> RateCurve {
            let rows = matrix.reader.descriptor.rows, squares = try matrix.key == nil ? factors.calibration.meanSquares(of: matrix.input) : []
            let options = encoders.map { encoder in
                let bytes = encoder.layout.streams.reduce(0) { $0 + $1.byteCount(rows: rows) }
                return MeasuredMatrix.Option(bits: encoder.layout.code.bits, storedBits: 8 * bytes) { weights, factor in
                    let errors = try encoder.errors(coding: weights, feedback: matrix.feedback == .off ? nil : factor)
                    if let factor { return factor.costs(of: encoder.coordinates(errors)).reduce(0, +) }
                    return errors.indices.reduce(0) { $0 + Double(squares[$1 % squares.count]) * Double(errors[$1]) * Double(errors[$1]) }
                }
            }
            return try matrix.curve(unit, options, factors) { encoders[0].scaledMeanSquare(of: &$0) }
        }
    }
}
