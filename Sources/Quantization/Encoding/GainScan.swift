package import QAMFormat

/// Scans the rows of a tensor before coding: whether they can be coded, and which gain type they need.
package struct GainScan: Sendable {
    private let coder: any GroupCoder.Type
    private let columns: Int
    private let channelScales: [Float]?

    /// - Throws: `QAMError.invalidArgument` if the scales do not match the columns or do not fit float16, `unsupported` for a family that is only decoded.
    package init(_ family: Code.Family, columns: Int, channelScales: [Float]? = nil) throws {
        guard columns > 0, channelScales == nil || channelScales?.count == columns else {
            throw QAMError(.invalidArgument, "there must be one channel scale for each of \(columns) columns")
        }
        coder = try Coders.type(of: family)
        self.columns = columns
        // As a reader will decode them.
        self.channelScales = try channelScales.map { try ChannelScales.parse(ChannelScales.bytes($0)) }
    }

    /// float16 if every row's gain is zero or well within its range, else float32. A tensor uses float16 only if all its ranges of rows do.
    ///
    /// - Parameter fill: writes the weights of a row, given its index from 0.
    /// - Throws: `QAMError.malformed` for a row with non-finite values; the message counts rows from `firstRow`.
    package func gainType(rows: Int, firstRow: Int, fill: (Int, inout MutableSpan<Float>) throws -> Void) throws -> GainType {
        var type = GainType.float16
        var weights = [Float](repeating: 0, count: columns)
        for row in 0..<rows {
            var span = weights.mutableSpan
            try fill(row, &span)
            if let channelScales { Kernels.chosen.multiply(&weights, by: channelScales) }
            let gain = coder.gain(of: weights.span, sumOfSquares: Kernels.chosen.sumOfSquares(weights.span), as: nil)
            guard gain.isFinite else {
                throw QAMError(.malformed, "row \(firstRow + row) holds values that are not finite, or too large")
            }
            if gain != 0, !GainType.float16Range.contains(gain) { type = .float32 }
        }
        return type
    }
}
