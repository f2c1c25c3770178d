/// Decodes the rows of a tensor whose symbols are points of the plane, bit-exactly as specified in section 8.5.
package struct PairDecoder: TensorDecoder {
    package let layout: RowLayout
    package let tables: PairTables

    package init(_ layout: RowLayout, _ tables: PairTables) {
        self.layout = layout
        self.tables = tables
    }

    package var columns: Int { layout.columns }

    /// O(weights * log2(block size)).
    package func decode(symbols: RawSpan, gains: RawSpan, rows: Int, after skipped: Int, into weights: inout MutableSpan<Float>, at start: Int) throws {
        try layout.check(symbols: symbols, gains: gains, rows: rows, after: skipped, room: weights.count, start: start)
        let factors = try layout.gains(in: gains, rows: rows).map { $0 * tables.codebook.unit }
        tables.kernels.dequantize(symbols, with: tables, factors: factors, into: &weights, at: start)
    }
}
