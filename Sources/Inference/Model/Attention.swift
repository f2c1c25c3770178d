internal import QAMFormat

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

/// Causal attention: each token attends to itself and those before it.
struct Attention {
    let configuration: TransformerConfiguration
    /// The number of tokens in the sliding window, including the token itself; nil without a window.
    let window: Int?
    /// For each query head, a number that takes part in the softmax and stands for no token.
    let sinks: [Float]?
    /// Tokens per piece of work: bounds the memory of their attention weights.
    static let tokensOfPiece = 64

    /// The scale of query-key products before the softmax.
    let scale: Float

    init(_ configuration: TransformerConfiguration, _ layer: TransformerLayer) {
        self.configuration = configuration
        window = layer.window
        sinks = layer.attention.sinks
        scale = Float(configuration.attentionScale ?? 1 / Double(configuration.headWidth).squareRoot())
    }

    /// The attention output of `count` tokens, heads concatenated.
    ///
    /// - Parameters:
    ///   - queries: one vector per token, heads concatenated.
    ///   - cache: the keys and values of all tokens, including these.
    ///   - position: the position of the first token.
    func apply(_ queries: FloatMatrix, count: Int, _ cache: KeyValueCache, position: Int, pool: WorkerPool) -> FloatMatrix {
        let c = configuration, out = FloatMatrix(count: count, width: c.headCount * c.valueWidth)
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
        let width = configuration.valueWidth, weights = weights(head, queries, tokens, cache, position)
        FloatKernels.multiply(
            .init(matrix: cache.values[sharedHead(head)], count: width, width: weights.width),
            by: .init(matrix: weights, count: tokens.count, width: weights.width),
            into: .init(matrix: out, first: tokens.lowerBound, count: tokens.count, offset: head * width, width: width))
    }

    /// The KV head of a query head.
    func sharedHead(_ head: Int) -> Int { head / (configuration.headCount / configuration.keyValueHeadCount) }

    /// The attention weights of some tokens over all tokens up to the last of them: one vector each, padded to a whole vector of the
    /// kernels, with zeros for tokens outside the mask.
    func weights(
        _ head: Int, _ queries: FloatMatrix, _ tokens: Range<Int>, _ cache: KeyValueCache, _ position: Int
    ) -> FloatMatrix {
        let weights = scores(head, queries, tokens, cache, position), end = position + tokens.upperBound
        for (row, token) in tokens.enumerated() {
            let last = position + token
            let seen = (window.map { max(0, last + 1 - $0) } ?? 0)..<last + 1
            softmax(weights, row, seen, head)
            // Tokens outside the window have weight zero.
            for hidden in 0..<seen.lowerBound { weights[row, hidden] = 0 }
            for hidden in last + 1..<end { weights[row, hidden] = 0 }
        }
        return weights
    }

    /// The products of queries and keys, with the cap if there is one; otherwise without the scale.
    func scores(_ head: Int, _ queries: FloatMatrix, _ tokens: Range<Int>, _ cache: KeyValueCache, _ position: Int) -> FloatMatrix {
        let c = configuration, offset = head * c.headWidth, end = position + tokens.upperBound
        let scores = FloatMatrix(count: tokens.count, width: KeyValueCache.padded(end))
        let query = FloatKernels.Block(matrix: queries, first: tokens.lowerBound, count: tokens.count, offset: offset, width: c.headWidth)
        FloatKernels.multiply(
            .init(matrix: cache.keys[sharedHead(head)], count: end, width: c.headWidth), by: query,
            into: .init(matrix: scores, count: tokens.count, width: end))
        if let cap = c.attentionCap {
            for row in 0..<tokens.count { FloatKernels.softCap(scores, row, 0..<end, scale: scale, cap: Float(cap)) }
        }
        return scores
    }

    private func softmax(_ scores: FloatMatrix, _ row: Int, _ seen: Range<Int>, _ head: Int) {
        let scale = configuration.attentionCap == nil ? scale : 1
        guard let sinks else { return FloatKernels.softmax(scores, row, seen, scale: scale) }
        FloatKernels.scale(scores, row, seen, by: scale)
        let norm = FloatKernels.logSumExp(scores, row, seen)
        FloatKernels.softmax(scores, row, seen, scale: 1)
        // The share that the tokens have beside the sink.
        FloatKernels.scale(scores, row, seen, by: Float(1 / (1 + exp(Double(sinks[head]) - norm))))
    }
}
