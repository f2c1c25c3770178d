package import QAMFormat

/// Channel scales from calibration statistics: columns that matter more are coded more precisely. Matrices that read the same input share their scales.
package enum ChannelScaling: String, CaseIterable, Sendable {
    /// (E|x|)^0.3, the rule of the published code.
    case published
    /// (E[x^2] / e)^(1/4) for columns of energy e, which minimises the error of the outputs; the exponent is 1/8 with feedback, which already does
    /// most of that.
    case optimal
    /// (max|x| / max|w|)^(1/2), SmoothQuant's rule with alpha 0.5: moves the difficulty of rounding from activations to weights. For codes without rotation
    /// whose activations are 8-bit integers.
    case smooth

    /// Sets the scales of planned tensors that `calibration` covers. Reads each of them once, on up to `threads` tasks; O(width^3) for each input of tensors
    /// coded with feedback. Before each input `monitor` gets the number of inputs done, their total and a tensor's name.
    ///
    /// - Throws: `QAMError.malformed` for weights or statistics that are not finite, `unsupported` if the rule's statistics are missing, and errors from
    ///   reading.
    package func apply(
        to plan: inout QuantizationPlan, of source: any TensorSource, by calibration: CalibrationFile, threads: Int,
        checkpoint: @escaping @Sendable () throws -> Void = {}, monitor: (Int, Int, String) throws -> Void = { _, _, _ in }
    ) async throws -> [ScalingOutcome] {
        var users: [Int: [Int]] = [:]
        for tensor in plan.choices.keys.sorted() {
            let descriptor = source.tensors[tensor]
            guard let input = calibration.input(of: descriptor) else { continue }
            users[input, default: []].append(tensor)
        }
        var outcomes: [ScalingOutcome] = []
        for (done, (input, tensors)) in users.sorted(by: { $0.key < $1.key }).enumerated() {
            try monitor(done, users.count, source.tensors[tensors[0]].name)
            guard let choice = plan.choices[tensors[0]] else { continue }
            let columns = try await Self.columns(tensors, of: source, to: choice.code.family, threads: threads, checkpoint: checkpoint)
            guard columns.energies.contains(where: { $0 > 0 }),
                let scales = try scales(columns, input: input, calibration, feedback: choice.feedback != .off)
            else { continue }
            let ratio = self == .smooth ? nil : try Self.errorRatio(scales, columns.energies, input: input, calibration, choice, threads: threads)
            let outcome = ScalingOutcome(matrices: tensors.map { source.tensors[$0].name }, errorRatio: ratio)
            if outcome.isUsed { for tensor in tensors { plan.choices[tensor]?.channelScales = scales } }
            outcomes.append(outcome)
        }
        return outcomes
    }

    /// Statistics of each column, over several tensors.
    private struct Columns: Sendable {
        /// The sum of the squares.
        var energies: [Double]
        /// The largest magnitude.
        var largest: [Double]

        init(count: Int) {
            energies = [Double](repeating: 0, count: count)
            largest = energies
        }

        mutating func add(_ row: [Float]) {
            for j in row.indices {
                let magnitude = Double(row[j].magnitude)
                energies[j] += magnitude * magnitude
                if magnitude > largest[j] { largest[j] = magnitude }
            }
        }

        mutating func add(_ other: Columns) {
            for j in energies.indices {
                energies[j] += other.energies[j]
                if other.largest[j] > largest[j] { largest[j] = other.largest[j] }
            }
        }
    }

    /// The statistics of tensors' columns. They do not depend on `threads`.
    private static func columns(
        _ tensors: [Int], of source: any TensorSource, to family: Code.Family, threads: Int, checkpoint: @escaping @Sendable () throws -> Void
    ) async throws -> Columns {
        let readers = try tensors.map { try RowReader(source, tensor: $0, to: family) }
        let pieces = readers.flatMap { reader in reader.ranges(ofBytes: 1 << 19).map { (reader, $0) } }
        var all = Columns(count: readers[0].columns)
        try await orderedMap(0..<pieces.count, width: threads) { index in
            try checkpoint()
            let (reader, rows) = pieces[index]
            var columns = Columns(count: reader.columns), row = [Float](repeating: 0, count: reader.columns)
            return try reader.named {
                try reader.withRows(rows) { fill in
                    for i in 0..<rows.count {
                        var span = row.mutableSpan
                        try fill(i, &span)
                        columns.add(row)
                    }
                }
                guard columns.energies.allSatisfy(\.isFinite) else { throw QAMError(.malformed, "its weights are not finite") }
                return columns
            }
        } consume: { _, columns in
            all.add(columns)
        }
        return all
    }

    /// Scales with a mean of 1, rounded to float16; nil if all statistics are zero. Uses only operations that round identically on every machine.
    private func scales(_ columns: Columns, input: Int, _ calibration: CalibrationFile, feedback: Bool) throws -> [Float]? {
        let scales: [Double]
        switch self {
        case .published:
            let magnitudes = try required(calibration.meanMagnitudes(of: input), "mean |x|", of: input, calibration)
            guard let floored = Self.floored(magnitudes.map(Double.init)) else { return nil }
            scales = floored.map { Self.fifthRoot($0 * $0 * $0).squareRoot() }
        case .optimal:
            guard let a = Self.floored(try calibration.meanSquares(of: input).map(Double.init)), let e = Self.floored(columns.energies) else { return nil }
            let quarters = zip(a, e).map { ($0 / $1).squareRoot().squareRoot() }
            scales = feedback ? quarters.map { $0.squareRoot() } : quarters
        case .smooth:
            let magnitudes = try required(calibration.largestMagnitudes(of: input), "max |x|", of: input, calibration)
            guard let x = Self.floored(magnitudes.map(Double.init)), let w = Self.floored(columns.largest) else { return nil }
            scales = zip(x, w).map { ($0 / $1).squareRoot() }
        }
        let mean = scales.reduce(0, +) / Double(scales.count)
        return scales.map { Half.float(from: Half.bits(of: Float($0 / mean))) }
    }

    /// - Throws: `QAMError.unsupported` for missing statistics.
    private func required(_ statistics: [Float]?, _ name: String, of input: Int, _ calibration: CalibrationFile) throws -> [Float] {
        guard let statistics else {
            throw QAMError(
                .unsupported, "\(rawValue) scaling takes \(name), which the calibration does not have",
                at: .init(tensor: calibration.inputs[input].matrices[0]))
        }
        return statistics
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

    /// Numbers clamped to at least a thousandth of their mean; nil if all are zero.
    private static func floored(_ x: [Double]) -> [Double]? {
        let mean = x.reduce(0, +) / Double(x.count)
        return mean > 0 ? x.map { max($0, mean / 1000) } : nil
    }

    /// The expected error with scales, relative to that without.
    private static func errorRatio(
        _ scales: [Float], _ energies: [Double], input: Int, _ calibration: CalibrationFile, _ choice: QuantizationChoice, threads: Int
    ) throws -> Double {
        // Coding noise is spread evenly over the rotated columns, in proportion to the rows' energy.
        let energy = zip(scales, energies).reduce(0) { $0 + Double($1.0) * Double($1.0) * $1.1 } / energies.reduce(0, +)
        guard choice.feedback != .off else {
            let a = try calibration.meanSquares(of: input).map(Double.init)
            return energy * zip(scales, a).reduce(0) { $0 + $1.1 / (Double($1.0) * Double($1.0)) } / a.reduce(0, +)
        }
        let rotation = try choice.rotation(columns: scales.count)
        let pool = try WorkerPool(width: threads)
        let noise = try [scales, nil].map { scales in
            try FeedbackFactor(
                RowTransform(columns: energies.count, rotation: rotation, channelScales: scales), unitColumns: Coders.type(of: choice.code.family).unitColumns,
                vectors: calibration.vectorCount, pool: pool
            ) {
                try calibration.hessian(of: input, rows: $0)
            }.noiseGain
        }
        return energy * noise[0] / noise[1]
    }
}
