/// Decodes the rows of an integer tensor, bit-exactly as specified in section 16.2.
package struct Int8Decoder: TensorDecoder {
    private let layout: RowLayout
    private let channelScales: [Float]?
    private let kernels: IntegerKernels

    package init(_ layout: RowLayout, channelScales: [Float]?, _ kernels: IntegerKernels) {
        self.layout = layout
        self.channelScales = channelScales
        self.kernels = kernels
    }

    package var columns: Int { layout.columns }

    /// O(weights).
    package func decode(symbols: RawSpan, gains: RawSpan, rows: Int, after skipped: Int, into weights: inout MutableSpan<Float>, at start: Int) throws {
        try layout.check(symbols: symbols, gains: gains, rows: rows, after: skipped, room: weights.count, start: start)
        let gains = try layout.gains(in: gains, rows: rows)
        kernels.decode(symbols, columns: columns, gains: gains, channelScales: channelScales, into: &weights, at: start)
    }
}
