/// Products of vectors and the rows of a trellis matrix, without rotating the matrix back.
///
/// Vectors are divided by the channel scales, rotated like the matrix's rows, and rounded to integers from -127 to 127 with one float scale per 256 coordinates
/// (spec section 17.5), as for pairs.
struct TrellisProduct: MatrixProduct {
    let layout: RowLayout
    let key: Activations.Key
    let unit: Float
    private let rotation: Rotation
    private let channelScales: [Float]?
    private let kernels: Kernels
    private let trellis: TrellisKernels

    /// Identifies how a vector is prepared.
    private struct Preparation: Hashable {
        let rotation: Rotation
        let channelScales: [Float]?
    }

    init(_ layout: RowLayout, _ parameters: TrellisParameters, _ rotation: Rotation, channelScales: [Float]?, _ kernels: Kernels) {
        self.layout = layout
        self.rotation = rotation
        self.channelScales = channelScales
        self.kernels = kernels
        unit = parameters.step
        trellis = TrellisKernels(parameters, columns: layout.columns, kernels)
        key = Activations.Key(Preparation(rotation: rotation, channelScales: channelScales))
    }

    /// O(vectors * columns * log2(block size)).
    func prepare(_ vectors: [Float]) -> Activations {
        let columns = layout.columns, count = vectors.count / columns
        precondition(vectors.count == count * columns)
        var activations = Activations(key: key, count: count, columns: columns)
        for start in stride(from: 0, to: vectors.count, by: columns) {
            var x = Array(vectors[start..<start + columns])
            if let channelScales {
                var span = x.mutableSpan
                kernels.divide(&span, at: 0, by: channelScales)
            }
            kernels.rotate(&x, by: rotation, inverseGain: 1)
            trellis.prepare(x, into: &activations)
        }
        return activations
    }

    func multiply(
        _ activations: Activations, symbols: RawSpan, factors: Span<Float>, into out: UnsafeMutablePointer<Float>, rowsApart: Int
    ) {
        precondition(symbols.byteCount == layout.symbolBytes(rows: factors.count))
        unsafe trellis.multiply(activations, symbols: symbols, factors: factors, into: out, rowsApart: rowsApart)
    }
}
