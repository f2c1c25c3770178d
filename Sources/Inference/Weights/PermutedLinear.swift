internal import QAMFormat

/// A matrix whose rows are stored in another order: the outputs are permuted after the product, at little cost.
struct PermutedLinear: Linear {
    private let stored: any Linear
    /// The stored position of each row.
    private let order: [Int]
    /// Vectors per piece of work.
    private static let vectorsOfPiece = 16

    /// Throws `malformed` if the order is not a permutation.
    init(_ stored: any Linear, order: [Int]) throws {
        try order.requirePermutation(of: stored.rows, tensor: stored.name)
        self.stored = stored
        self.order = order
    }

    var name: String { stored.name }
    var rows: Int { stored.rows }
    var columns: Int { stored.columns }

    func multiply(_ input: LayerInput, into out: FloatMatrix, pool: WorkerPool) throws {
        let products = FloatMatrix(count: input.count, width: rows)
        try stored.multiply(input, into: products, pool: pool)
        pool.forEach(0..<input.count, grain: Self.vectorsOfPiece) { vectors in
            for t in vectors {
                products.withVectors(t..<t + 1) { from in
                    out.withMutableVectors(t..<t + 1) { to in
                        for (row, place) in order.enumerated() { to[row] = from[place] }
                    }
                }
            }
        }
    }

    func copyRow(_ row: Int, to out: FloatMatrix, _ t: Int) throws { try stored.copyRow(order[row], to: out, t) }
}

extension [Int] {
    /// Throws `malformed` if this is not a permutation of 0 ..< `count`.
    func requirePermutation(of count: Int, tensor: String) throws {
        var isThere = [Bool](repeating: false, count: count)
        for place in self where (0..<count).contains(place) { isThere[place] = true }
        guard self.count == count, isThere.allSatisfy(\.self) else {
            throw QAMError(.malformed, "the order of its rows is not a permutation of \(count)", at: .init(tensor: tensor))
        }
    }
}
