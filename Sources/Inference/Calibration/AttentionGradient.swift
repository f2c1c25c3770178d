internal import QAMFormat

/// The backward pass of attention, for a whole text.
struct AttentionGradient {
    let attention: Attention

    /// Gradients at the queries, keys and values that attention reads: one vector per token, heads concatenated.
    struct Result {
        let queries: FloatMatrix
        let keys: FloatMatrix
        let values: FloatMatrix
    }

    /// O(heads * tokens^2 * head width). Temporary memory: two head widths per token and query head.
    ///
    /// - Parameters:
    ///   - gradient: at the attention output of each token: one vector per token, heads concatenated.
    ///   - cache: as left by `LayerPass.trace`.
    func apply(_ gradient: FloatMatrix, _ trace: LayerTrace.Attention, _ cache: KeyValueCache, pool: WorkerPool) -> Result {
        let c = attention.configuration, width = c.headWidth, valueWidth = c.valueWidth, count = gradient.count
        let queries = FloatMatrix(count: count, width: c.headCount * width)
        // Heads that share keys and values are summed afterwards in a fixed order, so that the result does not depend on threads.
        let parts = (0..<c.headCount).map { _ in
            (keys: FloatMatrix(count: count, width: width), values: FloatMatrix(count: count, width: valueWidth))
        }
        pool.forEach(0..<c.headCount, grain: 1) { heads in
            for head in heads {
                add(head, gradient, trace, cache, queries: queries, keys: parts[head].keys, values: parts[head].values)
            }
        }
        let keys = FloatMatrix(count: count, width: c.keyValueHeadCount * width)
        let values = FloatMatrix(count: count, width: c.keyValueHeadCount * valueWidth)
        pool.forEach(0..<count, grain: 16) { tokens in
            for t in tokens {
                for (head, part) in parts.enumerated() {
                    let shared = attention.sharedHead(head)
                    FloatKernels.add(part.keys, t, to: keys, t, offset: shared * width)
                    FloatKernels.add(part.values, t, to: values, t, offset: shared * valueWidth)
                }
            }
        }
        return Result(queries: queries, keys: keys, values: values)
    }

    /// Adds the contribution of one query head.
    private func add(
        _ head: Int, _ gradient: FloatMatrix, _ trace: LayerTrace.Attention, _ cache: KeyValueCache, queries: FloatMatrix,
        keys: FloatMatrix, values: FloatMatrix
    ) {
        let width = keys.width, valueWidth = values.width, sharedHead = attention.sharedHead(head), shared = sharedHead * width
        let offset = head * width, valueOffset = head * valueWidth
        let keysAcross = FloatMatrix(count: width, width: gradient.count)
        keysAcross.copyAcross(trace.keys, 0..<gradient.count, columns: shared..<shared + width)
        for start in stride(from: 0, to: gradient.count, by: Attention.tokensOfPiece) {
            let tokens = start..<min(start + Attention.tokensOfPiece, gradient.count), end = tokens.upperBound
            let weights = attention.weights(head, trace.queries, tokens, cache, 0)
            let scores = FloatMatrix(count: tokens.count, width: end)
            FloatKernels.multiply(
                .init(matrix: trace.values, count: end, offset: sharedHead * valueWidth, width: valueWidth),
                by: .init(matrix: gradient, first: start, count: tokens.count, offset: valueOffset, width: valueWidth),
                into: .init(matrix: scores, count: tokens.count, width: end))
            for row in 0..<tokens.count { passSoftmax(scores, weights, row) }
            if let cap = attention.configuration.attentionCap { passCap(scores, attention.scores(head, trace.queries, tokens, cache, 0), cap) }
            FloatKernels.multiply(
                .init(matrix: keysAcross, count: width, width: end), by: .init(matrix: scores, count: tokens.count, width: end),
                into: .init(matrix: queries, first: start, count: tokens.count, offset: offset, width: width))
            addProducts(scores, end, trace.queries, tokens, offset: offset, to: keys)
            addProducts(weights, end, gradient, tokens, offset: valueOffset, to: values)
        }
    }

    /// From the gradient at the attention weights to the gradient at the query-key products.
    private func passSoftmax(_ scores: FloatMatrix, _ weights: FloatMatrix, _ row: Int) {
        let scale = Double(attention.scale)
        weights.withVectors(row..<row + 1) { weights in
            scores.withMutableVectors(row..<row + 1) { scores in
                var mean = 0.0
                for i in scores.indices { mean += Double(weights[i]) * Double(scores[i]) }
                for i in scores.indices { scores[i] = Float(scale * Double(weights[i]) * (Double(scores[i]) - mean)) }
            }
        }
    }

    /// From the gradient at capped products to that at the products.
    private func passCap(_ scores: FloatMatrix, _ capped: FloatMatrix, _ cap: Double) {
        for row in 0..<scores.count {
            capped.withVectors(row..<row + 1) { capped in
                scores.withMutableVectors(row..<row + 1) { scores in
                    for i in scores.indices {
                        let share = Double(capped[i]) / cap
                        scores[i] = Float(Double(scores[i]) * (1 - share * share))
                    }
                }
            }
        }
    }

    /// Adds to vector i of `sum` the tokens' vectors (columns from `offset`), weighted by element i of each, for i below `end`.
    private func addProducts(
        _ numbers: FloatMatrix, _ end: Int, _ vectors: FloatMatrix, _ tokens: Range<Int>, offset: Int, to sum: FloatMatrix
    ) {
        // The kernels reduce along vectors, so transpose to make tokens the vector elements.
        let numbersAcross = FloatMatrix(count: end, width: tokens.count), vectorsAcross = FloatMatrix(count: sum.width, width: tokens.count)
        numbersAcross.copyAcross(numbers, 0..<tokens.count, columns: 0..<end)
        vectorsAcross.copyAcross(vectors, tokens, columns: offset..<offset + sum.width)
        let products = FloatMatrix(count: end, width: sum.width)
        FloatKernels.multiply(
            .init(matrix: vectorsAcross, count: sum.width, width: tokens.count),
            by: .init(matrix: numbersAcross, count: end, width: tokens.count),
            into: .init(matrix: products, count: end, width: sum.width))
        for i in 0..<end { FloatKernels.add(products, i, to: sum, i) }
    }
}
