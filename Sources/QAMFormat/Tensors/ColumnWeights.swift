/// How much the squared errors of a matrix's columns count: E[x²] of its inputs.
///
/// Scaled to a mean of 1. No column counts for nothing, so that a block of inputs that were always 0 still gets the scales of its weights.
package struct ColumnWeights: Hashable, Sendable {
    package let values: [Float]
    /// Of the values' bytes.
    let hash: UInt64

    /// The least weight, relative to the mean.
    private static let floor: Float = 1e-6

    /// Nil if all are zero, which says nothing.
    ///
    /// - Throws: `QAMError.malformed` for numbers that are negative or not finite.
    package init?(_ meanSquares: [Float]) throws {
        guard meanSquares.allSatisfy({ $0 >= 0 && $0.isFinite }) else {
            throw QAMError(.malformed, "the weights of columns are negative or not finite")
        }
        let mean = meanSquares.reduce(0) { $0 + Double($1) } / Double(max(1, meanSquares.count))
        guard mean > 0 else { return nil }
        values = meanSquares.map { max(Float(Double($0) / mean), Self.floor) }
        hash = XXH3.hash(try ElementConversion.bytes(values, as: .f32))
    }
}
