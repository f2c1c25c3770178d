package import QAMFormat

/// Measures the cost of coding tensors at each rate: a sample of rows is coded at all rates as planned, and the errors are weighted by the calibration
/// statistics.
package struct RateMeasurement: Sendable {
    package typealias Unit = RateChoice.Unit

    package let unit: Unit
    /// By tensor index.
    package let curves: [Int: RateCurve]

    /// The approximate number of weights of a tensor that are coded at each rate.
    private static let sampledWeights = 1 << 16

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
        let knowsGradients = tensors.allSatisfy { calibration.measuresDivergence(of: source.tensors[$0]) }
        let unit = knowsGradients ? Unit.divergence : .outputError
        var coders: [Code.Family: [any GroupCoder]] = [:]
        for family in Set(tensors.compactMap { plan.choices[$0]?.code.family }) {
            guard family.codes.count > 1 else {
                throw QAMError(.invalidArgument, "rates cannot be chosen: family \(family.name) has one rate only")
            }
            // The least effort: what errors cost at one rate relative to another hardly depends on it.
            coders[family] = try family.codes.map { try Coders.coder($0, effort: .fast) }
        }
        let jobs = try tensors.map { try Job($0, source, plan, calibration, coders) }
        let users = jobs.compactMap { job in job.key.map { (tensor: job.tensor, rows: job.reader.descriptor.rows, key: $0) } }
        let factors = try FeedbackFactors(calibration, users: users, threads: threads, checkpoint: checkpoint)
        var curves: [Int: RateCurve] = [:]
        // Statistics that are computed are read in order.
        try await orderedMap(0..<jobs.count, width: calibration.isComputed ? 1 : threads) { index in
            try jobs[index].reader.named { try jobs[index].curve(unit, factors) }
        } consume: { index, curve in
            curves[jobs[index].tensor] = curve
            try monitor(index + 1, jobs.count, jobs[index].reader.descriptor.name)
        }
        return RateMeasurement(unit: unit, curves: curves)
    }

    /// A tensor to be measured.
    private struct Job: Sendable {
        let tensor: Int
        let reader: RowReader
        let choice: QuantizationChoice
        /// By rate.
        let encoders: [RowEncoder]
        let input: Int
        /// The factor of the input's Hessian, if known.
        let key: FeedbackFactors.Key?

        init(
            _ tensor: Int, _ source: any TensorSource, _ plan: QuantizationPlan, _ calibration: CalibrationFile,
            _ coders: [Code.Family: [any GroupCoder]]
        ) throws {
            guard let choice = plan.choices[tensor] else { throw QAMError(.invalidArgument, "tensor \(tensor) is not planned") }
            let reader = try RowReader(source, tensor: tensor, to: choice.code.family), name = reader.descriptor.name
            guard let input = calibration.input(of: reader.descriptor) else {
                throw QAMError(
                    .invalidArgument, "its rate cannot be chosen: the calibration has no statistics for it; exclude it, or include it with bits of its own",
                    at: .init(tensor: name))
            }
            encoders = try (coders[choice.code.family] ?? []).map {
                try choice.encoder($0, columns: reader.columns, gainType: .float16, refit: plan.refit)
            }
            key =
                calibration.hasHessian(of: input)
                ? FeedbackFactors.Key(input: input, transform: encoders[0].transform, unitColumns: type(of: encoders[0].coder).unitColumns) : nil
            self.tensor = tensor
            self.reader = reader
            self.choice = choice
            self.input = input
        }

        func curve(_ unit: Unit, _ factors: FeedbackFactors) throws -> RateCurve {
            let rows = reader.descriptor.rows
            let energies = try rowEnergies(), sample = try sample()
            let sampled = sample.rows.reduce(0) { $0 + energies[$1] }
            let factor = try key.map { try factors.factor($0) }
            defer { if let key { factors.finish(rows: rows, of: tensor, key) } }
            // The cost of a row per unit of its energy is similar for all rows.
            let weight = try unit == .divergence ? divergenceWeight(energies, factors) : energies.reduce(0, +)
            let squares = try factor == nil ? factors.calibration.meanSquares(of: input) : []
            return RateCurve(
                points: try encoders.map { encoder in
                    try factors.checkpoint()
                    let errors = try encoder.errors(coding: sample.weights, feedback: choice.feedback == .off ? nil : factor)
                    let cost: Double
                    if let factor {
                        cost = factor.costs(of: encoder.coordinates(errors)).reduce(0, +)
                    } else {
                        cost = errors.indices.reduce(0) { $0 + Double(squares[$1 % squares.count]) * Double(errors[$1]) * Double(errors[$1]) }
                    }
                    let bytes = encoder.layout.streams.reduce(0) { $0 + $1.byteCount(rows: rows) }
                    return RateCurve.Point(bits: encoder.layout.code.bits, storedBits: 8 * bytes, cost: sampled > 0 ? cost / sampled * weight : 0)
                })
        }

        /// The mean squares of the scaled rows.
        private func rowEnergies() throws -> [Double] {
            var energies: [Double] = []
            for range in reader.ranges(ofBytes: 1 << 19) {
                try reader.withRows(range) { fill in
                    var row = [Float](repeating: 0, count: reader.columns)
                    for index in 0..<range.count {
                        var span = row.mutableSpan
                        try fill(index, &span)
                        energies.append(encoders[0].scaledMeanSquare(of: &row))
                    }
                }
            }
            guard energies.allSatisfy(\.isFinite) else { throw QAMError(.malformed, "its weights are not finite") }
            return energies
        }

        /// Rows at even distances.
        private func sample() throws -> (rows: [Int], weights: [Float]) {
            let rows = reader.descriptor.rows, count = min(rows, max(16, RateMeasurement.sampledWeights / reader.columns))
            let chosen = (0..<count).map { (2 * $0 + 1) * rows / (2 * count) }
            var weights: [Float] = []
            var row = [Float](repeating: 0, count: reader.columns)
            for index in chosen {
                var span = row.mutableSpan
                try reader.fill(index, &span)
                weights += row
            }
            return (chosen, weights)
        }

        /// Half the cost of errors of all rows, where the cost of each at its own output equals the row's energy.
        private func divergenceWeight(_ energies: [Double], _ factors: FeedbackFactors) throws -> Double {
            let name = reader.descriptor.name
            if choice.feedback == .columnsAndRows {
                let outputs = try OutputFactor(
                    gains: energies.map { Float($0.squareRoot()) }, groupRows: choice.code.family.groupRows, vectors: factors.calibration.vectorCount,
                    pool: factors.pool,
                    checkpoint: factors.checkpoint
                ) {
                    try factors.calibration.outputHessian(of: name, rows: $0)
                }
                return outputs.noiseGain / 2
            }
            return zip(energies, try factors.calibration.outputCosts(of: reader.descriptor) ?? []).reduce(0) { $0 + $1.0 * Double($1.1) } / 2
        }
    }
}

extension CalibrationFile {
    /// Whether the file tells what errors of a tensor do to the model's predictions.
    func measuresDivergence(of tensor: TensorDescriptor) -> Bool {
        QuantizationChoice.Feedback(self, for: tensor) == .columnsAndRows || hasTokenWeights(of: tensor)
    }
}
