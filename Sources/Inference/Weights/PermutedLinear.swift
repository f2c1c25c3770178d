internal import QAMFormat

/// A matrix whose rows are stored in another order: the products are put into the right one behind them, which costs little beside them.
struct PermutedLinear: Linear {
    private let stored: any Linear
    /// Where each row lies.
    private let order: [Int]
    /// Vectors that are a piece of work.
    private static let vectorsOfPiece = 16

    /// Throws `malformed` for an order that does not name each row once.
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
    /// Throws `malformed` where they are not the numbers below `count`, each once.
    func requirePermutation(of count: Int, tensor: String) throws {
        var isThere = [Bool](repeating: false, count: count)
        for place in self where (0..<count).contains(place) { isThere[place] = true }
        guard self.count == count, isThere.allSatisfy(\.self) else {
            throw QAMError(.malformed, "the order of its rows does not name each of \(count) once", at: .init(tensor: tensor))
        }
    }
}
