public import QAMFormat

/// Channel scales from what is known of a matrix's inputs: columns that matter more are coded more precisely. Matrices that read the same input
/// share their scales.
public enum ChannelScaling: String, CaseIterable, Sendable {
    /// (E|x|)^0.3, the rule of the published code.
    case published
    /// (E[x^2] / e)^(1/4) for columns of energy e, which makes the error of the outputs least; with feedback, which does most of
    /// that itself, the exponent is 1/8.
    case optimal

    /// What became of the matrices of one input.
    public struct Outcome: Hashable, Sendable {
        public let matrices: [String]
        /// The error of the outputs to be expected, as a share of that without scales.
        public let errorRatio: Double
        /// Whether the scales are used: only where that is below 1.
        public var isUsed: Bool { errorRatio < 1 }
    }

    /// Gives scales to the planned tensors that `calibration` knows. Reads each of them once, on up to `threads` tasks; O(width^3) for each
    /// input of tensors that are coded with feedback.
    ///
    /// - Throws: `QAMError.malformed` for weights or statistics that are not finite, `unsupported` for statistics without those that the
    ///   rule takes, and what reading throws.
    public func apply(
        to plan: inout QuantizationPlan, of source: any TensorSource, by calibration: CalibrationFile, threads: Int
    ) async throws -> [Outcome] {
        var users: [Int: [Int]] = [:]
        for tensor in plan.choices.keys.sorted() {
            let descriptor = source.tensors[tensor]
            guard let input = calibration.input(of: descriptor) else { continue }
            users[input, default: []].append(tensor)
        }
        var outcomes: [Outcome] = []
        for (input, tensors) in users.sorted(by: { $0.key < $1.key }) {
            guard let choice = plan.choices[tensors[0]] else { continue }
            let energies = try await Self.columnEnergies(tensors, of: source, to: choice.code.family, threads: threads)
            guard energies.contains(where: { $0 > 0 }),
                let scales = try scales(energies: energies, input: input, calibration, feedback: choice.feedback != .off)
            else { continue }
            let ratio = try Self.errorRatio(scales, energies, input: input, calibration, choice, threads: threads)
            let outcome = Outcome(matrices: tensors.map { source.tensors[$0].name }, errorRatio: ratio)
            if outcome.isUsed { for tensor in tensors { plan.choices[tensor]?.channelScales = scales } }
            outcomes.append(outcome)
        }
        return outcomes
    }

    /// The sum of each column's squares over tensors. It does not depend on `threads`.
    private static func columnEnergies(
        _ tensors: [Int], of source: any TensorSource, to family: Code.Family, threads: Int
    ) async throws -> [Double] {
        let readers = try tensors.map { try RowReader(source, tensor: $0, to: family) }
        let pieces = readers.flatMap { reader in reader.ranges(ofBytes: 1 << 19).map { (reader, $0) } }
        var energies = [Double](repeating: 0, count: readers[0].columns)
        try await orderedMap(0..<pieces.count, width: threads) { index in
            let (reader, rows) = pieces[index]
            var sums = [Double](repeating: 0, count: reader.columns), row = [Float](repeating: 0, count: reader.columns)
            return try reader.named {
                try reader.withRows(rows) { fill in
                    for i in 0..<rows.count {
                        var span = row.mutableSpan
                        try fill(i, &span)
                        for j in row.indices { sums[j] += Double(row[j]) * Double(row[j]) }
                    }
                }
                guard sums.allSatisfy(\.isFinite) else { throw QAMError(.malformed, "its weights are not finite") }
                return sums
            }
        } consume: { _, sums in
            for j in sums.indices { energies[j] += sums[j] }
        }
        return energies
    }

    /// Scales with a mean of 1, rounded to float16; nil where the statistics say nothing. Only operations that every
    /// machine rounds alike.
    private func scales(energies: [Double], input: Int, _ calibration: CalibrationFile, feedback: Bool) throws -> [Float]? {
        let scales: [Double]
        switch self {
        case .published:
            guard let magnitudes = try calibration.meanMagnitudes(of: input) else {
                throw QAMError(
                    .unsupported, "published scaling takes mean |x|, which the calibration does not have",
                    at: .init(tensor: calibration.inputs[input].matrices[0]))
            }
            guard let floored = Self.floored(magnitudes.map(Double.init)) else { return nil }
            scales = floored.map { Self.fifthRoot($0 * $0 * $0).squareRoot() }
        case .optimal:
            guard let a = Self.floored(try calibration.meanSquares(of: input).map(Double.init)), let e = Self.floored(energies) else { return nil }
            let quarters = zip(a, e).map { ($0 / $1).squareRoot().squareRoot() }
            scales = feedback ? quarters.map { $0.squareRoot() } : quarters
        }
        let mean = scales.reduce(0, +) / Double(scales.count)
        return scales.map { Half.float(from: Half.bits(of: Float($0 / mean))) }
    }

    /// By Newton's method, from above.
    private static func fifthRoot(_ x: Double) -> Double {
        var root = max(1, x)
        while true {
            let square = root * root, next = root - (root - x / (square * square)) / 5
            guard next < root else { return root }
            root = next
        }
    }

    /// Numbers that are at least a thousandth of their mean; nil where all are zero.
    private static func floored(_ x: [Double]) -> [Double]? {
        let mean = x.reduce(0, +) / Double(x.count)
        return mean > 0 ? x.map { max($0, mean / 1000) } : nil
    }

    /// The error to be expected with scales, as a share of that without.
    private static func errorRatio(
        _ scales: [Float], _ energies: [Double], input: Int, _ calibration: CalibrationFile, _ choice: QuantizationChoice, threads: Int
    ) throws -> Double {
        // Noise is spread evenly over the rotated columns; rows of more energy have more of it.
        let energy = zip(scales, energies).reduce(0) { $0 + Double($1.0) * Double($1.0) * $1.1 } / energies.reduce(0, +)
        guard choice.feedback != .off, let block = Rotation.blockSize(columns: scales.count, cap: choice.blockSizeCap) else {
            let a = try calibration.meanSquares(of: input).map(Double.init)
            return energy * zip(scales, a).reduce(0) { $0 + $1.1 / (Double($1.0) * Double($1.0)) } / a.reduce(0, +)
        }
        let rotation = Rotation(columns: scales.count, blockSize: block, seed: choice.seed)
        let pool = try WorkerPool(width: threads)
        let noise = try [scales, nil].map { scales in
            try FeedbackFactor(
                RowTransform(columns: energies.count, rotation: rotation, channelScales: scales), vectors: calibration.vectorCount, pool: pool
            ) {
                try calibration.secondMoment(of: input, rows: $0)
            }.noiseGain
        }
        return energy * noise[0] / noise[1]
    }
}
