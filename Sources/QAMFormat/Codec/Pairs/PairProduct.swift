/// Products of the rows of a matrix that is coded in pairs, and vectors: the matrix is never rotated back.
///
/// Vectors are divided by the channel scales, rotated as the matrix's rows were, and rounded to bytes with one float scale for
/// each 256 of them. The rounding costs about 0.7% of a vector's norm: after the rotation its coordinates are close to Gaussian,
/// whatever outliers it had.
package struct PairProduct: MatrixProduct {
    package let layout: RowLayout
    package let tables: PairTables
    package let key: Activations.Key
    package let unit: Float
    /// The points of a free codebook in `unit`s.
    let fixedPoints: [Int16]

    /// What decides how a vector is prepared: of octant codes first and second coordinates lie apart.
    private struct Preparation: Hashable {
        let family: Codebook.Family
        let rotation: Rotation
        let channelScales: [Float]?
    }

    package init(_ layout: RowLayout, _ tables: PairTables) {
        self.layout = layout
        self.tables = tables
        key = Activations.Key(Preparation(family: tables.codebook.family, rotation: tables.rotation, channelScales: tables.channelScales))
        switch tables.codebook.family {
        case .octant: (unit, fixedPoints) = (tables.codebook.unit, [])
        case .free: (unit, fixedPoints) = Kernels.fixPoints(tables.codebook)
        }
    }

    /// O(vectors * columns * log2(block size)).
    package func prepare(_ vectors: [Float]) -> Activations {
        let columns = layout.columns, count = vectors.count / columns
        precondition(vectors.count == count * columns)
        let prepared = tables.kernels.prepare(vectors, for: tables)
        return Activations(key: key, count: count, columns: columns, values: prepared.values, scales: prepared.scales)
    }

    package func multiply(
        _ activations: Activations, symbols: RawSpan, factors: Span<Float>, into out: UnsafeMutablePointer<Float>, rowsApart: Int
    ) {
        unsafe tables.kernels.multiply(self, activations, symbols: symbols, factors: factors, into: out, rowsApart: rowsApart)
    }
}
