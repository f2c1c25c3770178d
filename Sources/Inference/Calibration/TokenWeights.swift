internal import QAMFormat

/// How much the errors in each row of the head, or of the embedding, cost: E[p (1 - p)] of each token's predicted probability p.
///
/// It is the mean of the diagonal of the predictions' covariance, the output Hessian of the head. For small p it is also how often the token occurs in the
/// model's own text, and so how often its row of the embedding is read.
package final class TokenWeights {
    /// The name of the matrix's tensor.
    package let matrix: String
    private let sums: FloatMatrix
    private var count = 0
    private static let tokensOfPiece = 512

    init(matrix: String, tokens: Int) {
        self.matrix = matrix
        sums = FloatMatrix(count: 1, width: tokens)
    }

    /// Adds predictions: one vector of all tokens' probabilities each.
    ///
    /// - Parameter slopes: the derivatives of the logits by the head's products; nil for 1.
    func add(_ probabilities: FloatMatrix, slopes: FloatMatrix?, pool: WorkerPool) {
        pool.forEach(0..<sums.width, grain: Self.tokensOfPiece) { piece in
            for t in 0..<probabilities.count {
                probabilities.withVectors(t..<t + 1) { p in
                    sums.withMutableVectors(0..<1) { sum in
                        guard let slopes else {
                            for token in piece { sum[token] += p[token] * (1 - p[token]) }
                            return
                        }
                        slopes.withVectors(t..<t + 1) { slope in
                            for token in piece { sum[token] += p[token] * (1 - p[token]) * slope[token] * slope[token] }
                        }
                    }
                }
            }
        }
        count += probabilities.count
    }

    /// One number per row of the matrix.
    package var means: [Float] {
        let scale = 1 / Float(max(1, count))
        return sums.array(0..<1).map { $0 * scale }
    }

    /// The same weights for another matrix with a row per token.
    func named(_ matrix: String) -> TokenWeights { TokenWeights(matrix: matrix, sums, count) }

    private init(matrix: String, _ sums: FloatMatrix, _ count: Int) {
        (self.matrix, self.sums, self.count) = (matrix, sums, count)
    }
}
