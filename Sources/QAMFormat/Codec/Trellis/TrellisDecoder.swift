/// Decodes the rows of a trellis tensor, bit-exactly as specified in section 17.3.
package struct TrellisDecoder: TensorDecoder {
    private let layout: RowLayout
    private let parameters: TrellisParameters
    private let rotation: Rotation
    private let channelScales: [Float]?
    private let kernels: Kernels
    private let trellis: TrellisKernels

    package init(_ layout: RowLayout, _ parameters: TrellisParameters, _ rotation: Rotation, channelScales: [Float]?, _ kernels: Kernels) {
        self.layout = layout
        self.parameters = parameters
        self.rotation = rotation
        self.channelScales = channelScales
        self.kernels = kernels
        trellis = TrellisKernels(parameters, columns: layout.columns, kernels)
    }

    package var columns: Int { layout.columns }

    /// O(weights * log2(block size)).
    package func decode(
        symbols: RawSpan, gains: RawSpan, rows: Int, after skipped: Int, into weights: inout MutableSpan<Float>, at start: Int
    ) throws {
        try layout.check(symbols: symbols, gains: gains, rows: rows, after: skipped, room: weights.count, start: start)
        let factors = try layout.gains(in: gains, rows: rows).map { $0 * parameters.step * rotation.scale }
        var row = 0
        while row < rows {
            let first = (skipped + row) % layout.groupRows, count = min(layout.groupRows - first, rows - row)
            let group = (skipped + row) / layout.groupRows * layout.groupBytes
            trellis.decode(symbols.extracting(group..<group + layout.groupBytes), rows: first..<first + count, into: &weights, at: start + row * columns)
            for row in row..<row + count {
                kernels.rotateBack(&weights, at: start + row * columns, by: rotation, factor: factors[row])
                if let channelScales { kernels.divide(&weights, at: start + row * columns, by: channelScales) }
            }
            row += count
        }
    }
}
