/// Products of the rows of a coded matrix and vectors, straight from the symbols: the matrix is never rotated back.
package struct PairProduct: Sendable {
    package let tables: PairTables
    /// What a codeword of the kernels is worth: the step of an octant code, the unit of the rounded points of a free one.
    let unit: Float
    /// The points of a free codebook in `unit`s.
    let fixedPoints: [Int16]

    package init(_ tables: PairTables) {
        self.tables = tables
        switch tables.codebook.family {
        case .octant: (unit, fixedPoints) = (tables.codebook.step, [])
        case .free: (unit, fixedPoints) = Kernels.fixPoints(tables.codebook)
        }
    }

    var key: Activations.Key {
        Activations.Key(family: tables.codebook.family, rotation: tables.rotation, channelScales: tables.channelScales)
    }

    /// Prepares vectors that lie one after the other. O(vectors * columns * log2(block size)).
    package func prepare(_ vectors: [Float]) -> Activations {
        let columns = tables.rotation.columns, count = vectors.count / columns
        precondition(vectors.count == count * columns)
        let prepared = tables.kernels.prepare(vectors, for: tables)
        return Activations(key: key, count: count, values: prepared.values, scales: prepared.scales)
    }

    /// The products of rows and all vectors; `out[t * rowsApart + i]` is that of row i and vector t.
    package func multiply(
        _ activations: Activations, symbols: RawSpan, factors: Span<Float>, into out: UnsafeMutablePointer<Float>, rowsApart: Int
    ) {
        unsafe tables.kernels.multiply(self, activations, symbols: symbols, factors: factors, into: out, rowsApart: rowsApart)
    }
}
