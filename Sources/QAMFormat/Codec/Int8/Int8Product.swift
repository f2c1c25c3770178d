/// Products of integer rows and vectors that are divided by the channel scales and rounded to bytes with one scale each (W8A8).
///
/// The rounding step is proportional to the vector's largest coordinate: no rotation spreads outliers.
struct Int8Product: MatrixProduct {
    let layout: RowLayout
    let key: Activations.Key
    let unit: Float = 1
    private let channelScales: [Float]?
    private let kernels: IntegerKernels

    /// Identifies how a vector is prepared.
    private struct Preparation: Hashable {
        let columns: Int
        let channelScales: [Float]?
    }

    init(_ layout: RowLayout, channelScales: [Float]?, _ kernels: IntegerKernels) {
        self.layout = layout
        self.channelScales = channelScales
        self.kernels = kernels
        key = Activations.Key(Preparation(columns: layout.columns, channelScales: channelScales))
    }

    /// O(vectors * columns).
    func prepare(_ vectors: [Float]) -> Activations {
        let prepared = kernels.prepare(vectors, columns: layout.columns, channelScales: channelScales)
        return Activations(
            key: key, count: prepared.scales.count, columns: layout.columns, values: prepared.values, scales: prepared.scales)
    }

    func multiply(
        _ activations: Activations, symbols: RawSpan, factors: Span<Float>, into out: UnsafeMutablePointer<Float>, rowsApart: Int
    ) {
        unsafe kernels.multiply(activations, symbols: symbols, gains: factors, into: out, rowsApart: rowsApart)
    }
}
