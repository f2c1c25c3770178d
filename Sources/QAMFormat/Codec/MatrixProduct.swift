/// Products of a coded matrix's rows and vectors, computed directly from the symbols.
package protocol MatrixProduct: Sendable {
    var layout: RowLayout { get }
    /// Products with equal keys share activations.
    var key: Activations.Key { get }
    /// The unit of the kernels' codewords: a row's sum of products is multiplied by its gain times this.
    var unit: Float { get }

    /// Prepares consecutive vectors.
    func prepare(_ vectors: [Float]) -> Activations

    /// The products of rows and all vectors; `out[t * rowsApart + i]` is the product of row i and vector t.
    ///
    /// - Parameter factors: each row's gain times `unit`.
    func multiply(
        _ activations: Activations, symbols: RawSpan, factors: Span<Float>, into out: UnsafeMutablePointer<Float>, rowsApart: Int)
}
