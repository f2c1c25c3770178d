internal import QAMFormat

/// What coding would do to rows, for those who choose how to code.
extension RowEncoder {
    /// The errors of weights that are coded: weights less what a reader will see.
    ///
    /// - Parameters:
    ///   - weights: whole rows, one after the other.
    ///   - factor: what errors are fed through into columns, if they are.
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

    /// Rows of numbers as coordinates: scaled and rotated, but not divided by a gain.
    package func coordinates(_ rows: [Float]) -> [Float] {
        stride(from: 0, to: rows.count, by: columns).flatMap { start in
            var row = Array(rows[start..<start + columns])
            transform.scale(&row, kernels)
            transform.rotate(&row, gain: 1, kernels)
            return row
        }
    }

    /// The mean square of a row, which is scaled.
    package func meanSquare(scaling row: inout [Float]) -> Double {
        transform.scale(&row, kernels)
        return kernels.sumOfSquares(row.span) / Double(columns)
    }
}
