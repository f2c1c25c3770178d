internal import QAMFormat

/// A batch of rows coded with feedback; the row stride of all arrays is `rowStride` floats.
struct FeedbackRows {
    let encoder: RowEncoder
    let factor: FeedbackFactor
    let kernels: FeedbackKernels
    let rows: Int
    let columns: Int
    /// The ratio of row gains to those without feedback.
    let widening: Float
    /// Columns rounded up to whole groups.
    let rowStride: Int
    /// The original weights, if rows are scaled.
    var weights: [Float] = []
    var energies: [Double] = []
    var gains: [Float] = []
    let z: FeedbackKernels.Floats
    /// Targets; remaining errors for coded columns.
    let targets: FeedbackKernels.Floats
    let codewords: FeedbackKernels.Floats
    /// z less codewords.
    let errors: FeedbackKernels.Floats
    let symbols: FeedbackKernels.Bytes

    init(_ encoder: RowEncoder, _ factor: FeedbackFactor, _ kernels: FeedbackKernels, rows: Int) {
        self.encoder = encoder
        self.factor = factor
        self.kernels = kernels
        self.rows = rows
        columns = encoder.columns
        widening = Float(FeedbackFactor.widening(fedVariance: factor.fedVariance, error: encoder.coder.expectedError))
        rowStride = FeedbackKernels.padded(columns)
        z = .init(repeating: 0, count: rows * rowStride)
        targets = .init(repeating: 0, count: rows * rowStride)
        codewords = .init(repeating: 0, count: rows * rowStride)
        errors = .init(repeating: 0, count: rows * rowStride)
        symbols = .init(repeating: 0, count: rows * encoder.layout.symbolBytes)
    }

    /// Scales, normalises and rotates the rows.
    mutating func read(firstRow: Int, _ fill: (Int, inout MutableSpan<Float>) throws -> Void) throws {
        let kernels = encoder.kernels
        var row = [Float](repeating: 0, count: columns)
        for i in 0..<rows {
            var span = row.mutableSpan
            try fill(i, &span)
            if encoder.layout.isScaled { weights += row }
            let scaled = encoder.scale(&row), energy = scaled.energy, gain = scaled.gain * widening
            guard gain.isFinite, energy.isFinite else { throw encoder.unfit(row: firstRow + i) }
            if gain > 0 { encoder.transform.rotate(&row, gain: gain, kernels) }
            z.replace(from: i * rowStride, with: row.span)
            targets.replace(from: i * rowStride, with: row.span)
            energies.append(energy)
            gains.append(gain)
        }
    }

    /// All rows, from a column on.
    private func all(_ numbers: FeedbackKernels.Floats, _ start: Int) -> FeedbackKernels.Rows { .init(numbers: numbers, start: start, rowStride: rowStride) }

    /// Encodes all rows, one group of columns after the other.
    func code(_ work: inout [Float]) {
        let width = FeedbackKernels.groupColumns, bytes = encoder.layout.symbolBytes
        var place = 0
        for group in stride(from: 0, to: columns, by: width) {
            let used = min(width, columns - group)
            let length = encoder.coder.code.symbolBytes(columns: used)
            kernels.feed(all(errors, 0), of: 0, count: group, rows: rows, through: factor, group: group, into: all(targets, group))
            for i in 0..<rows where gains[i] > 0 {
                func part(_ numbers: FeedbackKernels.Floats) -> FeedbackKernels.Rows { all(numbers, i * rowStride + group) }
                kernels.code(
                    part(z), group: group, columns: used, encoder.coder, factor, targets: part(targets), codewords: part(codewords),
                    symbols: symbols, at: i * bytes + place..<i * bytes + place + length, work: &work)
                for j in i * rowStride + group..<i * rowStride + group + used { errors[j] = z[j] - codewords[j] }
            }
            place += length
        }
    }

    /// Refits and stores the gains. Returns the error and energy of the weights.
    func finish(firstRow: Int, gains bytes: inout [UInt8]) throws -> Distortion {
        // VT y for the codewords y of each row; VT z is its sum with the remaining errors, VT (z - y).
        let whitened = FeedbackKernels.Floats(repeating: 0, count: codewords.count)
        whitened.replace(from: 0, with: codewords.array(0..<codewords.count).span)
        factor.whiten(codewords, rows: rows, kernels, into: whitened)
        var distortion = Distortion()
        for i in 0..<rows {
            let gain = gains[i]
            guard gain > 0 else {
                _ = encoder.layout.gainType.append(0, to: &bytes)
                distortion += Distortion(error: energies[i], energy: energies[i])
                continue
            }
            let sums = whitenedProducts(i, whitened)
            var fitted = gain
            if encoder.fitsGains, sums.yy > 0 {
                let g = Float(Double(gain) * sums.zy / sums.yy)
                if g >= gain / widening / 2, g <= gain / widening * 2 { fitted = g }
            }
            let stored = encoder.layout.gainType.append(fitted, to: &bytes)
            guard stored.isFinite else { throw encoder.unfit(row: firstRow + i) }
            distortion += Distortion(error: try error(i, gain: gain, stored: stored), energy: energies[i])
        }
        return distortion
    }

    /// The inner products, weighted by H, of row i's coordinates with its codewords and of the codewords with themselves.
    private func whitenedProducts(_ row: Int, _ whitened: FeedbackKernels.Floats) -> (zy: Double, yy: Double) {
        var zy = 0.0, yy = 0.0
        for t in 0..<(columns + 1) / 2 {
            let j = row * rowStride + 2 * t
            let a = Double(factor.metric[3 * t]), b = Double(factor.metric[3 * t + 1]), d = Double(factor.metric[3 * t + 2])
            let y0 = Double(whitened[j]), y1 = Double(whitened[j + 1]), x0 = Double(targets[j]), x1 = Double(targets[j + 1])
            let first = a * y0, second = b * y0 + d * y1
            yy += first * first + second * second
            zy += first * (first + a * x0) + second * (second + b * x0 + d * x1)
        }
        return (zy, yy)
    }

    /// The squared error of row i's weights.
    private func error(_ i: Int, gain: Float, stored: Float) throws -> Double {
        let row = i * rowStride..<i * rowStride + columns
        if !encoder.layout.isScaled {
            let sums = encoder.kernels.innerProducts(z.array(row), codewords.array(row))
            let g = Double(gain), s = Double(stored)
            return max(0, g * g * sums.zz - 2 * g * s * sums.zy + s * s * sums.yy)
        }
        let bytes = encoder.layout.symbolBytes
        var scratch = [Float](repeating: 0, count: columns)
        return try encoder.squaredError(
            symbols.array(i * bytes..<(i + 1) * bytes).span, gain: stored, weights: weights.span.extracting(i * columns..<(i + 1) * columns),
            scratch: &scratch)
    }
}
