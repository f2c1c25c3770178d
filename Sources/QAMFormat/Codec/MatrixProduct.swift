/// Products of the rows of a coded matrix and vectors, straight from the symbols.
package protocol MatrixProduct: Sendable {
    var layout: RowLayout { get }
    /// Products with equal keys take the same activations.
    var key: Activations.Key { get }
    /// What a codeword of the kernels is worth: the sum of a row's products is multiplied by its gain times this.
    var unit: Float { get }

    /// Prepares vectors that lie one after the other.
    func prepare(_ vectors: [Float]) -> Activations

    /// The products of rows and all vectors; `out[t * rowsApart + i]` is that of row i and vector t.
    ///
    /// - Parameter factors: of each row, its gain times `unit`.
    func multiply(
        _ activations: Activations, symbols: RawSpan, factors: Span<Float>, into out: UnsafeMutablePointer<Float>, rowsApart: Int)
}
