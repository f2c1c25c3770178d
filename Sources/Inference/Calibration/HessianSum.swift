internal import QAMFormat

/// The sum of x xT over vectors.
package final class HessianSum {
    /// The upper triangle, including some elements below the diagonal; the rest is symmetric.
    private let sum: FloatMatrix
    /// The vectors that were added.
    private(set) var count = 0
    /// The number that the mean is taken over, if it is not that of the vectors.
    private var tokens: Int?
    /// Rows of the sum per piece of work.
    private static let rowsOfPiece = 32

    /// - Parameter tokens: the number that the mean is taken over; nil for the number of vectors.
    init(width: Int, tokens: Int? = nil) {
        sum = FloatMatrix(count: width, width: width)
        self.tokens = tokens
    }

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
        let scale = 1 / Float(max(1, tokens ?? count))
        return rows.flatMap { row in (0..<width).map { scale * sum[min(row, $0), max(row, $0)] } }
    }

    /// Adds to each sum of fewer vectors than it has rows as many as are missing, like the mean of all sums' vectors. O(sums * width^2).
    static func complete(_ sums: [HessianSum]) {
        let count = sums.reduce(0) { $0 + $1.count }
        guard count > 0, let width = sums.first?.width, sums.contains(where: { $0.count < width }) else { return }
        let mean = FloatMatrix(count: width, width: width)
        for sum in sums {
            for row in 0..<width { FloatKernels.add(sum.sum, row, times: 1 / Float(count), to: mean, row) }
        }
        for sum in sums where sum.count < width {
            for row in 0..<width { FloatKernels.add(mean, row, times: Float(width - sum.count), to: sum.sum, row) }
            sum.count = width
        }
    }
}
