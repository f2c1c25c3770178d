internal import QAMFormat

/// A matrix that is coded in several ways on a sample of its rows, to measure what errors of each way cost.
struct MeasuredMatrix: Sendable {
    /// A way to code it.
    struct Option {
        /// The rate, in bits per weight.
        let bits: Double
        /// Everything stored of the matrix, in bits.
        let storedBits: Int
        /// The cost of coding consecutive whole rows: the sum of e H eT over their errors e, or without Hessian of the squares weighted by the mean squares of inputs.
        let cost: (_ rows: [Float], FeedbackFactor?) throws -> Double
    }

    let tensor: Int
    let reader: RowReader
    /// Of the calibration.
    let input: Int
    /// The factor of the input's Hessian, if known.
    let key: FeedbackFactors.Key?
    let feedback: QuantizationChoice.Feedback
    /// The rows that are coded together.
    let groupRows: Int

    /// About how many weights are coded in each way.
    private static let sampledWeights = 1 << 16

    /// - Throws: `QAMError.invalidArgument` for a matrix without statistics.
    init(
        _ tensor: Int, _ reader: RowReader, transform: RowTransform, unitColumns: Int, groupRows: Int, feedback: QuantizationChoice.Feedback,
        by calibration: CalibrationFile
    ) throws {
        guard let input = calibration.input(of: reader.descriptor) else {
            throw QAMError(
                .invalidArgument, "its rate cannot be chosen: the calibration has no statistics for it; exclude it, or include it with bits of its own",
                at: .init(tensor: reader.descriptor.name))
        }
        self.tensor = tensor
        self.reader = reader
        self.input = input
        self.feedback = feedback
        self.groupRows = groupRows
        key = calibration.hasHessian(of: input) ? FeedbackFactors.Key(input: input, transform: transform, unitColumns: unitColumns) : nil
    }

    /// The cost in each way, in the order of `options`, by ascending bits.
    ///
    /// - Parameter meanSquare: the mean square of a row as it is coded; may change the row.
    func curve(
        _ unit: RateChoice.Unit, _ options: [Option], _ factors: FeedbackFactors, meanSquare: (inout [Float]) -> Double
    ) throws -> RateCurve {
        let energies = try rowEnergies(meanSquare), sample = try sample()
        let sampled = sample.rows.reduce(0) { $0 + energies[$1] }
        let factor = try key.map { try factors.factor($0) }
        defer { if let key { factors.finish(rows: reader.descriptor.rows, of: tensor, key) } }
        // The cost of a row per unit of its energy is similar for all rows.
        let weight = try unit == .divergence ? divergenceWeight(energies, factors) : energies.reduce(0, +)
        return RateCurve(
            points: try options.map { option in
                try factors.checkpoint()
                let cost = try option.cost(sample.weights, factor)
                return RateCurve.Point(bits: option.bits, storedBits: option.storedBits, cost: sampled > 0 ? cost / sampled * weight : 0)
            })
    }

    private func rowEnergies(_ meanSquare: (inout [Float]) -> Double) throws -> [Double] {
        var energies: [Double] = []
        for range in reader.ranges(ofBytes: 1 << 19) {
            try reader.withRows(range) { fill in
                var row = [Float](repeating: 0, count: reader.columns)
                for index in 0..<range.count {
                    var span = row.mutableSpan
                    try fill(index, &span)
                    energies.append(meanSquare(&row))
                }
            }
        }
        guard energies.allSatisfy(\.isFinite) else { throw QAMError(.malformed, "its weights are not finite") }
        return energies
    }

    /// Rows at even distances.
    private func sample() throws -> (rows: [Int], weights: [Float]) {
        let rows = reader.descriptor.rows, count = min(rows, max(16, Self.sampledWeights / reader.columns))
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
        if feedback == .columnsAndRows {
            let outputs = try OutputFactor(
                gains: energies.map { Float($0.squareRoot()) }, groupRows: groupRows, vectors: factors.calibration.vectorCount, pool: factors.pool,
                checkpoint: factors.checkpoint
            ) {
                try factors.calibration.outputHessian(of: reader.descriptor.name, rows: $0)
            }
            return outputs.noiseGain / 2
        }
        return zip(energies, try factors.calibration.outputCosts(of: reader.descriptor) ?? []).reduce(0) { $0 + $1.0 * Double($1.1) } / 2
    }
}

extension CalibrationFile {
    /// Whether the file tells what errors of a tensor do to the model's predictions.
    func measuresDivergence(of tensor: TensorDescriptor) -> Bool {
        QuantizationChoice.Feedback(self, for: tensor) == .columnsAndRows || hasTokenWeights(of: tensor)
    }

    /// The unit in which errors of all these tensors can be compared.
    func unit(of tensors: [TensorDescriptor]) -> RateChoice.Unit { tensors.allSatisfy(measuresDivergence) ? .divergence : .outputError }
}
