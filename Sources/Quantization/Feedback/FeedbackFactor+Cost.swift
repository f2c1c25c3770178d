internal import QAMFormat

extension FeedbackFactor {
    /// Adds to each row the feedback of its earlier columns, which turns e into e V D^-1. Rows of both are padded to whole groups. `whitened` starts as a copy
    /// of `numbers`.
    ///
    /// O(rows * columns^2 / 2).
    func whiten(_ numbers: FeedbackKernels.Floats, rows: Int, _ kernels: FeedbackKernels, into whitened: FeedbackKernels.Floats) {
        let columns = transform.columns, rowStride = FeedbackKernels.padded(columns)
        for group in stride(from: 0, to: columns, by: FeedbackKernels.groupColumns) {
            kernels.feed(
                .init(numbers: numbers, start: 0, rowStride: rowStride), of: 0, count: min(group + FeedbackKernels.groupColumns, columns), rows: rows,
                through: self, group: group, into: .init(numbers: whitened, start: group, rowStride: rowStride))
        }
    }

    /// The cost e H eT of each row's errors by H itself, without damping.
    ///
    /// O(rows * columns^2 / 2).
    ///
    /// - Parameter errors: consecutive whole rows, scaled and rotated like coordinates.
    package func costs(of errors: [Float], kernels: FeedbackKernels = .chosen) -> [Double] {
        let columns = transform.columns, rows = errors.count / columns, rowStride = FeedbackKernels.padded(columns)
        precondition(errors.count == rows * columns)
        let e = FeedbackKernels.Floats(repeating: 0, count: rows * rowStride), whitened = FeedbackKernels.Floats(repeating: 0, count: rows * rowStride)
        for row in 0..<rows {
            for numbers in [e, whitened] { numbers.replace(from: row * rowStride, with: errors.span.extracting(row * columns..<(row + 1) * columns)) }
        }
        whiten(e, rows: rows, kernels, into: whitened)
        return (0..<rows).map { row in
            var cost = 0.0
            for u in 0..<unitCount {
                let start = row * rowStride + u * unitColumns, place = metricStart(unit: u)
                var squares = 0.0, own = 0.0
                for c in 0..<unitColumns {
                    var value = 0.0
                    for r in 0...c { value += Double(metric[place + c * (c + 1) / 2 + r]) * Double(whitened[start + r]) }
                    squares += value * value
                    own += Double(e[start + c]) * Double(e[start + c])
                }
                cost += squares * unit * unit - damping * own
            }
            return max(0, cost)
        }
    }
}

extension FeedbackFactor {
    /// The damped cost of remaining errors in whole units of one row. O(columns * unitColumns).
    ///
    /// - Parameter columns: those of the numbers from `start` on.
    func cost(of numbers: FeedbackKernels.Floats, at start: Int, columns: Range<Int>) -> Double {
        var cost = 0.0
        for first in stride(from: columns.lowerBound, to: columns.upperBound, by: unitColumns) {
            let place = metricStart(unit: first / unitColumns), index = start + first - columns.lowerBound
            for c in 0..<min(unitColumns, columns.upperBound - first) {
                var value = 0.0
                for r in 0...c { value += Double(metric[place + c * (c + 1) / 2 + r]) * Double(numbers[index + r]) }
                cost += value * value
            }
        }
        return cost * unit * unit
    }

    /// The share of the damped cost of fed noise that H itself has; the rest is due to damping.
    var undampedShare: Double {
        let gain = noiseGain
        return gain > 0 ? max(0, 1 - damping * Double(transform.columns) * (1 + fedVariance) / gain) : 0
    }
}

/// Deterministic noise of unit variance: 1 and -1.
struct SignNoise {
    private var state: UInt64 = 1

    mutating func next() -> Float {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return state >> 63 == 0 ? 1 : -1
    }
}

extension FeedbackFactor {
    /// Measured by feeding noise through a few rows. O(columns^2) for each.
    func probedVariance(_ kernels: FeedbackKernels) -> Double {
        let columns = transform.columns, width = FeedbackKernels.groupColumns, rows = 16
        let rowStride = FeedbackKernels.padded(columns)
        let errors = FeedbackKernels.Floats(repeating: 0, count: rows * rowStride), targets = FeedbackKernels.Floats(repeating: 0, count: rows * rowStride)
        var noise = SignNoise(), sum = 0.0
        for group in stride(from: 0, to: columns, by: width) {
            kernels.feed(
                .init(numbers: errors, start: 0, rowStride: rowStride), of: 0, count: group, rows: rows, through: self, group: group,
                into: .init(numbers: targets, start: group, rowStride: rowStride))
            let panel = panelStart(group: group), end = min(group + width, columns)
            for row in stride(from: 0, to: rows * rowStride, by: rowStride) {
                for i in group..<end {
                    let error = noise.next() - targets[row + i]
                    errors[row + i] = error
                    sum += Double(error) * Double(error)
                    // The coefficients of the unit's other columns are zero.
                    for j in i + 1..<max(end, i + 1) { targets[row + j] += error * panels[panel + i * width + j - group] }
                }
            }
        }
        return max(0, sum / Double(rows * columns) - 1)
    }
}
