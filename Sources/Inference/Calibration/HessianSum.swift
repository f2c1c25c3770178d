internal import QAMFormat

/// The sum of x xT over vectors.
package final class HessianSum {
    /// The upper triangle, including some elements below the diagonal; the rest is symmetric.
    private let sum: FloatMatrix
    private var count = 0
    /// Rows of the sum per piece of work.
    private static let rowsOfPiece = 32

    init(width: Int) { sum = FloatMatrix(count: width, width: width) }

    package var width: Int { sum.width }

    /// Adds vectors. O(vectors * width^2), on all threads of the pool.
    ///
    /// - Parameter counting: false for second vectors of tokens that are counted already: the mean is then that of the sum of both products.
    func add(_ x: FloatMatrix, counting: Bool = true, pool: WorkerPool) {
        // The kernels reduce along vectors, so transpose to make tokens the vector elements.
        let channels = FloatMatrix(count: x.width, width: KeyValueCache.padded(x.count))
        pool.forEach(0..<x.width, grain: Self.rowsOfPiece) { piece in
            channels.copyAcross(x, 0..<x.count, columns: piece, at: piece.lowerBound)
        }
        pool.forEach(0..<width, grain: Self.rowsOfPiece) { piece in
            let products = FloatMatrix(count: piece.count, width: width - piece.lowerBound)
            FloatKernels.multiply(
                .init(matrix: channels, first: piece.lowerBound, count: products.width, width: channels.width),
                by: .init(matrix: channels, first: piece.lowerBound, count: piece.count, width: channels.width),
                into: .init(matrix: products, count: piece.count, width: products.width))
            for (index, row) in piece.enumerated() { FloatKernels.add(products, index, to: sum, row, offset: piece.lowerBound) }
        }
        if counting { count += x.count }
    }

    /// Rows of E[x xT]: exactly symmetric. O(rows * width).
    package func mean(rows: Range<Int>) -> [Float] {
        let scale = 1 / Float(max(1, count))
        return rows.flatMap { row in (0..<width).map { scale * sum[min(row, $0), max(row, $0)] } }
    }
}
