internal import QAMFormat

/// Causal attention: each token attends to itself and those before it.
struct Attention {
    let configuration: TransformerConfiguration
    /// The number of tokens in the sliding window, including the token itself; nil without a window.
    let window: Int?
    /// Tokens per piece of work: bounds the memory of their attention weights.
    static let tokensOfPiece = 64

    /// The attention output of `count` tokens, heads concatenated.
    ///
    /// - Parameters:
    ///   - queries: one vector per token, heads concatenated.
    ///   - cache: the keys and values of all tokens, including these.
    ///   - position: the position of the first token.
    func apply(_ queries: FloatMatrix, count: Int, _ cache: KeyValueCache, position: Int, pool: WorkerPool) -> FloatMatrix {
        let c = configuration, out = FloatMatrix(count: count, width: c.headCount * c.headWidth)
        let piecesOfHead = (count + Self.tokensOfPiece - 1) / Self.tokensOfPiece
        pool.forEach(0..<c.headCount * piecesOfHead, grain: 1) { range in
            for piece in range {
                let (head, block) = piece.quotientAndRemainder(dividingBy: piecesOfHead)
                let first = block * Self.tokensOfPiece
                attend(head, queries, first..<min(first + Self.tokensOfPiece, count), cache, position, into: out)
            }
        }
        return out
    }

    private func attend(
        _ head: Int, _ queries: FloatMatrix, _ tokens: Range<Int>, _ cache: KeyValueCache, _ position: Int, into out: FloatMatrix
    ) {
        let c = configuration, weights = weights(head, queries, tokens, cache, position)
        FloatKernels.multiply(
            .init(matrix: cache.values[sharedHead(head)], count: c.headWidth, width: weights.width),
            by: .init(matrix: weights, count: tokens.count, width: weights.width),
            into: .init(matrix: out, first: tokens.lowerBound, count: tokens.count, offset: head * c.headWidth, width: c.headWidth))
    }

    /// The KV head of a query head.
    func sharedHead(_ head: Int) -> Int { head / (configuration.headCount / configuration.keyValueHeadCount) }

    /// The scale of query-key products before the softmax.
    var scale: Float { Float(1 / Double(configuration.headWidth).squareRoot()) }

    /// The attention weights of some tokens over all tokens up to the last of them: one vector each, padded to a whole vector of the
    /// kernels, with zeros for tokens outside the mask.
    func weights(
        _ head: Int, _ queries: FloatMatrix, _ tokens: Range<Int>, _ cache: KeyValueCache, _ position: Int
    ) -> FloatMatrix {
        let c = configuration, offset = head * c.headWidth
        let end = position + tokens.upperBound, padded = KeyValueCache.padded(end)
        let weights = FloatMatrix(count: tokens.count, width: padded)
        let query = FloatKernels.Block(matrix: queries, first: tokens.lowerBound, count: tokens.count, offset: offset, width: c.headWidth)
        FloatKernels.multiply(
            .init(matrix: cache.keys[sharedHead(head)], count: end, width: c.headWidth), by: query,
            into: .init(matrix: weights, count: tokens.count, width: end))

        for (row, token) in tokens.enumerated() {
            let last = position + token
            let start = window.map { max(0, last + 1 - $0) } ?? 0
            FloatKernels.softmax(weights, row, start..<last + 1, scale: scale)
            // Tokens outside the window have weight zero.
            for hidden in 0..<start { weights[row, hidden] = 0 }
            for hidden in last + 1..<end { weights[row, hidden] = 0 }
        }
        return weights
    }
}
