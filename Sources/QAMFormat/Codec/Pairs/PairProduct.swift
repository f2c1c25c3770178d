/// Products of vectors and the rows of a matrix coded in pairs, without rotating the matrix back.
///
/// Vectors are divided by the channel scales, rotated like the matrix's rows, and rounded to bytes with one float scale per 256 coordinates. The rounding error
/// is about 0.7% of a vector's norm: the rotation makes its coordinates nearly Gaussian, whatever outliers it had.
package struct PairProduct: MatrixProduct {
    package let layout: RowLayout
    package let tables: PairTables
    package let key: Activations.Key
    package let unit: Float
    /// The points of a free codebook in `unit`s.
    let fixedPoints: [Int16]

    /// Identifies how a vector is prepared: for octant codes first and second coordinates are separated.
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
