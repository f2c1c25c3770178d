internal import QAMFormat

/// Estimates of coding errors, for choosing rates.
extension RowEncoder {
    /// The coding errors of weights: original minus decoded.
    ///
    /// - Parameters:
    ///   - weights: consecutive whole rows.
    ///   - factor: for feedback into columns, if used.
    /// - Throws: as `encode(rows:firstRow:fill:)`.
    package func errors(coding weights: [Float], feedback factor: FeedbackFactor?) throws -> [Float] {
        let rows = weights.count / columns
        precondition(weights.count == rows * columns)
        let fill = { (row: Int, target: inout MutableSpan<Float>) in
            for column in 0..<columns { target[column] = weights[row * columns + column] }
        }
        let chunk = if let factor { try encode(rows: rows, feedback: factor, fill: fill) } else { try encode(rows: rows, fill: fill) }
        return zip(weights, try decoder.decode(chunk, rows: rows)).map { $0 - $1 }
    }

    /// Rows as coordinates: scaled and rotated, but not divided by a gain.
    package func coordinates(_ rows: [Float]) -> [Float] {
        stride(from: 0, to: rows.count, by: columns).flatMap { start in
            var row = Array(rows[start..<start + columns])
            transform.scale(&row, kernels)
            transform.rotate(&row, gain: 1, kernels)
            return row
        }
    }

    /// Scales a row and returns its mean square.
    package func scaledMeanSquare(of row: inout [Float]) -> Double {
        transform.scale(&row, kernels)
        return kernels.sumOfSquares(row.span) / Double(columns)
    }
}
