package import QAMFormat

/// The state of a model reading a text: its KV cache. For one thread at a time.
package final class Session {
    package let model: Transformer
    /// The number of tokens read.
    package private(set) var position = 0
    package let capacity: Int
    private let pass: LayerPass
    private let caches: [KeyValueCache]
    /// Tokens per batch: bounds the memory of intermediate values.
    private static let batch = 512

    /// - Parameters:
    ///   - capacity: the maximum number of tokens: 2 * layers * KV heads * head width * 4 bytes each, committed as they are read.
    ///   - checkpoint: called before each layer while tokens are read; an error that it throws ends the reading; what the
    ///     batches before it have read stays.
    /// - Throws: `QAMError.limitExceeded` for a capacity that does not fit in this machine's memory.
    package init(_ model: Transformer, capacity: Int, pool: WorkerPool, checkpoint: @escaping () throws -> Void = {}) throws {
        let configuration = model.configuration
        let capacity = max(0, capacity), rotaryBytes = MemoryLayout<Float>.stride * configuration.headWidth
        try MemoryBound.require(
            capacity, of: model.layers.count * KeyValueCache.bytesOfToken(configuration) + rotaryBytes,
            "the KV cache of \(capacity) tokens")
        try MemoryBound.require(
            min(capacity, Self.batch), of: LayerPass.bytesOfToken(configuration) + MemoryLayout<Float>.stride * configuration.vocabularySize,
            "the activations and logits of \(min(capacity, Self.batch)) tokens")
        self.model = model
        self.capacity = capacity
        pass = LayerPass(
            configuration: configuration, rotaries: model.rotaries(positions: capacity), pool: pool, checkpoint: checkpoint, observer: nil)
        caches = model.layers.map { _ in KeyValueCache(configuration, capacity: capacity) }
    }

    /// Starts a new text.
    package func restart() { rewind(to: 0) }

    /// Forgets the tokens from a position on, at most the present one.
    func rewind(to position: Int) { self.position = min(max(0, position), self.position) }

    /// Reads tokens. Returns the final normalised vector of each, the input of `logits`. The results are bit-identical for every batch
    /// size.
    ///
    /// Throws `invalidArgument` for tokens outside the vocabulary or beyond the capacity, and errors from reading weights.
    package func read(_ tokens: ArraySlice<UInt32>) throws -> FloatMatrix {
        guard tokens.count <= capacity - position else {
            throw QAMError(.invalidArgument, "the text of \(position + tokens.count) tokens exceeds the capacity of \(capacity)")
        }
        try model.requireKnown(tokens)
        guard tokens.count > Self.batch else { return try readBatch(tokens) }
        let all = FloatMatrix(count: tokens.count, width: model.configuration.width)
        for start in stride(from: 0, to: tokens.count, by: Self.batch) {
            let batch = tokens.dropFirst(start).prefix(Self.batch)
            all.copy(try readBatch(batch), 0..<batch.count, at: start)
        }
        return all
    }

    /// Like `read`, but keeps only the last token's vector. Calls `progress` after each batch with the number of tokens read.
    package func readToLast(_ tokens: ArraySlice<UInt32>, progress: (Int) throws -> Void = { _ in }) throws -> FloatMatrix {
        var rest = tokens
        while rest.count > Self.batch {
            _ = try read(rest.prefix(Self.batch))
            rest = rest.dropFirst(Self.batch)
            try progress(tokens.count - rest.count)
        }
        let vectors = try read(rest)
        return vectors.count > 1 ? FloatMatrix(copying: vectors, vectors.count - 1..<vectors.count) : vectors
    }

    private func readBatch(_ tokens: ArraySlice<UInt32>) throws -> FloatMatrix {
        let x = try model.embed(tokens)
        for (layer, cache) in zip(model.layers, caches) { try pass.apply(layer, to: x, cache, position: position) }
        position += tokens.count
        pass.normalize(x, model.norm, into: x)
        return x
    }

    /// The logits of the next token, for vectors returned by `read`.
    package func logits(_ vectors: FloatMatrix, _ range: Range<Int>) throws -> FloatMatrix {
        try model.logits(range == 0..<vectors.count ? vectors : FloatMatrix(copying: vectors, range), pool: pass.pool)
    }
}
