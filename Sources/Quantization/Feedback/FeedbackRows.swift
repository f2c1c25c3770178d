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
        symbols = .init(repeating: 0, count: encoder.layout.symbolBytes(rows: rows))
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
        let width = FeedbackKernels.groupColumns, code = encoder.coder.code
        for group in stride(from: 0, to: columns, by: width) {
            let used = min(width, columns - group)
            kernels.feed(all(errors, 0), of: 0, count: group, rows: rows, through: factor, group: group, into: all(targets, group))
            for (index, unit) in stride(from: 0, to: rows, by: encoder.layout.groupRows).enumerated() {
                let together = unit..<min(unit + encoder.layout.groupRows, rows)
                guard together.contains(where: { gains[$0] > 0 }) else { continue }
                func part(_ numbers: FeedbackKernels.Floats) -> FeedbackKernels.Rows { all(numbers, unit * rowStride + group) }
                let symbol = index * encoder.layout.groupBytes + code.groupBytes(columns: group)
                kernels.code(
                    [.init(z: part(z), targets: part(targets), codewords: part(codewords))], rows: together.count, start: group, columns: used,
                    encoder.coder, factor, symbols: symbols, at: symbol..<symbol + code.groupBytes(columns: used), work: &work)
                // A row of zeros has no errors, whatever it is coded as.
                for i in together where gains[i] > 0 {
                    for j in i * rowStride + group..<i * rowStride + group + used { errors[j] = z[j] - codewords[j] }
                }
            }
        }
    }

    /// Refits and stores the gains. Returns the error and energy of the weights, and with the cost of errors of each row's outputs their expected divergence.
    func finish(firstRow: Int, outputCosts: [Float]?, gains bytes: inout [UInt8]) throws -> Distortion {
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
            if let outputCosts {
                distortion += Distortion(divergence: Double(outputCosts[firstRow + i]) * outputError(i, sums, gain: gain, stored: stored) / 2)
            }
        }
        return distortion
    }

    /// Inner products of a row's coordinates and codewords, weighted by H.
    private typealias Products = (zz: Double, zy: Double, yy: Double)

    /// The inner products, weighted by H, of row i's coordinates and codewords.
    private func whitenedProducts(_ row: Int, _ whitened: FeedbackKernels.Floats) -> Products {
        var zz = 0.0, zy = 0.0, yy = 0.0
        let width = factor.unitColumns
        for u in 0..<factor.unitCount {
            let start = row * rowStride + u * width, place = factor.metricStart(unit: u)
            var unitZZ = 0.0, unitZY = 0.0, unitYY = 0.0
            for c in 0..<width {
                let column = place + c * (c + 1) / 2
                var value = 0.0
                for r in 0...c { value += Double(factor.metric[column + r]) * Double(whitened[start + r]) }
                var sum = value
                for r in 0...c { sum += Double(factor.metric[column + r]) * Double(targets[start + r]) }
                unitZZ += sum * sum
                unitYY += value * value
                unitZY += value * sum
            }
            zz += unitZZ
            yy += unitYY
            zy += unitZY
        }
        return (zz, zy, yy)
    }

    /// The mean squared error of row i's output, without the damping of H.
    private func outputError(_ i: Int, _ sums: Products, gain: Float, stored: Float) -> Double {
        func squaredError(_ sums: Products) -> Double {
            let g = Double(gain), s = Double(stored)
            return max(0, g * g * sums.zz - 2 * g * s * sums.zy + s * s * sums.yy)
        }
        let row = i * rowStride..<i * rowStride + columns, plain = encoder.kernels.innerProducts(z.array(row).span, codewords.array(row).span)
        return max(0, squaredError(sums) * factor.unit * factor.unit - factor.damping * squaredError((plain.zz, plain.zy, plain.yy)))
    }

    /// The squared error of row i's weights.
    private func error(_ i: Int, gain: Float, stored: Float) throws -> Double {
        let row = i * rowStride..<i * rowStride + columns
        if !encoder.layout.isScaled {
            let sums = encoder.kernels.innerProducts(z.array(row).span, codewords.array(row).span)
            let g = Double(gain), s = Double(stored)
            return max(0, g * g * sums.zz - 2 * g * s * sums.zy + s * s * sums.yy)
        }
        let bytes = encoder.layout.groupBytes, group = i / encoder.layout.groupRows
        var scratch = [Float](repeating: 0, count: columns)
        return try encoder.squaredError(
            symbols.array(group * bytes..<(group + 1) * bytes).span, after: i % encoder.layout.groupRows, gain: stored,
            weights: weights.span.extracting(i * columns..<(i + 1) * columns),
            scratch: &scratch)
    }
}
