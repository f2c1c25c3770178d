/// Coding with feedback: the error of each pair moves the columns of its row that are not yet coded, so that what the errors do to the
/// matrix's outputs is small, not the errors themselves.
extension QAMEncoder {
    /// Rows that go through the factor together.
    private static let rowsAtATime = 64

    /// Codes whole rows; as `encode(rows:firstRow:fill:)`, with errors fed through `factor`, which is that of the encoder's rotation and scales.
    ///
    /// The gain of a row is its root mean square while its errors are fed, and is then fitted to the least error of the outputs.
    /// O(columns^2) for each row; memory: four floats for each weight of 64 rows.
    package func encode(
        rows: Int, firstRow: Int = 0, feedback factor: FeedbackFactor, kernels: FeedbackKernels = .chosen,
        fill: (Int, inout MutableSpan<Float>) throws -> Void
    ) throws -> TensorChunk {
        guard factor.rotation == rotation else { throw QAMError(.invalidArgument, "the factor is that of another rotation") }
        var chunk = TensorChunk(streams: [[], []] + (channelScales == nil ? [] : [[]]), distortion: Distortion())
        var work = [Float](repeating: 0, count: FeedbackKernels.workCount)
        for start in stride(from: 0, to: rows, by: Self.rowsAtATime) {
            var batch = FeedbackRows(self, factor, kernels, rows: min(Self.rowsAtATime, rows - start))
            try batch.read(firstRow: firstRow + start) { try fill(start + $0, &$1) }
            batch.code(&work)
            let distortion = try batch.finish(firstRow: firstRow + start, gains: &chunk.streams[1])
            chunk.distortion? += distortion
            chunk.streams[0] += batch.symbols
        }
        return chunk
    }
}

/// Rows that are coded with feedback together, each in `apart` floats of the arrays.
private struct FeedbackRows {
    let encoder: QAMEncoder
    let factor: FeedbackFactor
    let kernels: FeedbackKernels
    let rows: Int
    let columns: Int
    /// The columns up to whole groups.
    let apart: Int
    /// Of scaled rows, the weights themselves.
    var weights: [Float] = []
    var energies: [Double] = []
    var gains: [Float] = []
    var z: [Float]
    /// Targets, and of coded columns what coding has left of them.
    var targets: [Float]
    var codewords: [Float]
    /// z less codewords.
    var errors: [Float]
    var symbols: [UInt8]

    init(_ encoder: QAMEncoder, _ factor: FeedbackFactor, _ kernels: FeedbackKernels, rows: Int) {
        self.encoder = encoder
        self.factor = factor
        self.kernels = kernels
        self.rows = rows
        columns = encoder.rotation.columns
        let width = FeedbackKernels.groupColumns
        apart = (columns + width - 1) / width * width
        z = Array(repeating: 0, count: rows * apart)
        targets = z
        codewords = z
        errors = z
        symbols = Array(repeating: 0, count: rows * encoder.tables.symbolBytes)
    }

    /// Scales, normalises and rotates the rows.
    mutating func read(firstRow: Int, _ fill: (Int, inout MutableSpan<Float>) throws -> Void) throws {
        let kernels = encoder.tables.kernels
        var row = [Float](repeating: 0, count: columns)
        for i in 0..<rows {
            var span = row.mutableSpan
            try fill(i, &span)
            let energy = kernels.sumOfSquares(row.span)
            var sumOfSquares = energy
            if let scales = encoder.channelScales {
                weights += row
                kernels.multiply(&row, by: scales)
                sumOfSquares = kernels.sumOfSquares(row.span)
            }
            let gain = QAMEncoder.gain(sumOfSquares: sumOfSquares, columns: columns)
            guard gain.isFinite, energy.isFinite else { throw encoder.unfit(row: firstRow + i) }
            if gain > 0 { kernels.rotate(&row, by: encoder.rotation, inverseGain: 1 / Double(gain)) }
            z.replaceSubrange(i * apart..<i * apart + columns, with: row)
            energies.append(energy)
            gains.append(gain)
        }
    }

    /// Codes all rows, group of columns by group.
    mutating func code(_ work: inout [Float]) {
        let width = FeedbackKernels.groupColumns, bytes = encoder.tables.symbolBytes
        targets = z
        var place = 0
        for group in stride(from: 0, to: columns, by: width) {
            let used = min(width, columns - group)
            let length = encoder.parameters.symbolBytes(columns: used)
            kernels.feed(errors, through: factor, group: group, count: group, apart: apart, into: &targets)
            for i in 0..<rows where gains[i] > 0 {
                kernels.code(
                    z, row: i * apart, group: group, columns: used, encoder.search, factor, targets: &targets, codewords: &codewords,
                    symbols: &symbols, at: i * bytes + place..<i * bytes + place + length, work: &work)
                for j in i * apart + group..<i * apart + group + used { errors[j] = z[j] - codewords[j] }
            }
            place += length
        }
    }

    /// Fits and stores the gains. Returns the error and energy of the weights.
    mutating func finish(firstRow: Int, gains bytes: inout [UInt8]) throws -> Distortion {
        // VT y for the codewords y of each row; VT z is that and what coding has left, VT (z - y).
        var whitened = codewords
        for group in stride(from: 0, to: columns, by: FeedbackKernels.groupColumns) {
            let end = min(group + FeedbackKernels.groupColumns, columns)
            kernels.feed(codewords, through: factor, group: group, count: end, apart: apart, into: &whitened)
        }
        var distortion = Distortion()
        for i in 0..<rows {
            let gain = gains[i]
            guard gain > 0 else {
                _ = encoder.gainType.append(0, to: &bytes)
                distortion += Distortion(error: energies[i], energy: energies[i])
                continue
            }
            let sums = whitenedProducts(i, whitened)
            var fitted = gain
            if encoder.refit, sums.yy > 0 {
                let g = Float(Double(gain) * sums.zy / sums.yy)
                if g >= gain / 2, g <= gain * 2 { fitted = g }
            }
            let stored = encoder.gainType.append(fitted, to: &bytes)
            guard stored.isFinite else { throw encoder.unfit(row: firstRow + i) }
            distortion += Distortion(error: error(i, gain: gain, stored: stored), energy: energies[i])
        }
        return distortion
    }

    /// The products of row i's coordinates and codewords, and of the codewords with themselves, as H weighs them.
    private func whitenedProducts(_ row: Int, _ whitened: [Float]) -> (zy: Double, yy: Double) {
        var zy = 0.0, yy = 0.0
        for t in 0..<columns / 2 {
            let j = row * apart + 2 * t
            let a = Double(factor.metric[3 * t]), b = Double(factor.metric[3 * t + 1]), d = Double(factor.metric[3 * t + 2])
            let y0 = Double(whitened[j]), y1 = Double(whitened[j + 1]), x0 = Double(targets[j]), x1 = Double(targets[j + 1])
            let first = a * y0, second = b * y0 + d * y1
            yy += first * first + second * second
            zy += first * (first + a * x0) + second * (second + b * x0 + d * x1)
        }
        return (zy, yy)
    }

    /// The squared error of row i's weights.
    private func error(_ i: Int, gain: Float, stored: Float) -> Double {
        let row = i * apart..<i * apart + columns
        guard let scales = encoder.channelScales else {
            let sums = encoder.tables.kernels.innerProducts(Array(z[row]), Array(codewords[row]))
            let g = Double(gain), s = Double(stored)
            return max(0, g * g * sums.zz - 2 * g * s * sums.zy + s * s * sums.yy)
        }
        precondition(scales.count == columns)
        let isOctant = encoder.search.codebook.family == .octant
        let bytes = encoder.tables.symbolBytes
        var decoded = [Float](repeating: 0, count: columns)
        var span = decoded.mutableSpan
        unsafe encoder.tables.kernels.dequantize(
            symbols.span.extracting(i * bytes..<(i + 1) * bytes).bytes, with: encoder.tables,
            factors: [isOctant ? stored * encoder.search.codebook.step : stored], into: &span, at: 0)
        return encoder.tables.kernels.squaredDistance(weights.span.extracting(i * columns..<(i + 1) * columns), decoded)
    }
}
