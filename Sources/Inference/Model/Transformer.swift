internal import Architectures
internal import QAMFormat

/// A language model that is a decoder, as its architecture's table, its configuration and its tensors tell.
///
/// Weights are used in place; opening reads norms, biases, gains and channel scales. May be used from many threads: the state of a text is
/// in `Session`.
package final class Transformer: Sendable {
    package let configuration: TransformerConfiguration
    let embedding: any Linear
    let layers: [TransformerLayer]
    let norm: [Float]
    /// The embedding if the head is tied.
    let head: any Linear
    /// Whether head and embedding are one tensor.
    package let isTied: Bool

    /// - Throws: `QAMError.malformed` for an invalid configuration, a missing tensor or one of the wrong shape, and errors from reading.
    package init(_ configuration: TransformerConfiguration, weights: ModelWeights) throws {
        try configuration.check()
        self.configuration = configuration
        let c = configuration
        let tensors = LayerTensors(configuration: c, weights: weights, layer: nil)
        let embeddingName = "\(tensors.name(try tensors.required(TensorRule.embeddingInGGUF))).weight"
        embedding = try weights.matrix(embeddingName, rows: c.vocabularySize, columns: c.width)
        // Appended one by one: an untrusted layer count reserves no memory.
        var layers: [TransformerLayer] = []
        for index in 0..<c.layerCount { layers.append(try TransformerLayer(index, c, from: weights)) }
        self.layers = layers
        guard let norm = try tensors.norm("output_norm", count: c.width) else {
            throw QAMError(.unsupported, "the forward pass needs a norm before the head")
        }
        self.norm = norm
        let headName = "\(tensors.name(try tensors.required(TensorRule.headInGGUF))).weight"
        let hasOwnHead = c.head == .own || c.head == .asFound && weights.has(headName)
        head = hasOwnHead ? try weights.matrix(headName, rows: c.vocabularySize, columns: c.width) : embedding
        isTied = !hasOwnHead || weights.isSame(headName, embeddingName)
    }

    /// A table for each rotary embedding of the layers.
    func rotaries(positions: Int) -> RotaryTables {
        let all = Set(layers.compactMap(\.rotary))
        return RotaryTables(uniqueKeysWithValues: all.map { ($0, RotaryTable($0, headWidth: configuration.headWidth, positions: positions)) })
    }

    /// Throws `invalidArgument` for a token outside the vocabulary.
    func requireKnown(_ tokens: some Sequence<UInt32>) throws {
        guard let token = tokens.first(where: { $0 >= configuration.vocabularySize }) else { return }
        throw QAMError(.invalidArgument, "token \(token) is outside the vocabulary of \(configuration.vocabularySize)")
    }

    /// The embeddings of tokens, which must be in the vocabulary.
    func embed(_ tokens: ArraySlice<UInt32>) throws -> FloatMatrix {
        let x = FloatMatrix(count: tokens.count, width: configuration.width)
        for (t, token) in tokens.enumerated() {
            try embedding.copyRow(Int(token), to: x, t)
            if configuration.embeddingScale != 1 { FloatKernels.scale(x, t, 0..<x.width, by: Float(configuration.embeddingScale)) }
        }
        return x
    }

    /// The logits of normalised vectors after the last layer: one vector of the vocabulary each.
    func logits(_ vectors: FloatMatrix, pool: WorkerPool) throws -> FloatMatrix {
        let out = FloatMatrix(count: vectors.count, width: configuration.vocabularySize)
        try head.multiply(LayerInput(vectors), into: out, pool: pool)
        let scale = Float(configuration.logitScale), cap = configuration.logitCap.map { Float($0) }
        guard scale != 1 || cap != nil else { return out }
        pool.forEach(0..<out.count, grain: 4) { tokens in
            for t in tokens {
                if let cap { FloatKernels.softCap(out, t, 0..<out.width, scale: scale, cap: cap) } else { FloatKernels.scale(out, t, 0..<out.width, by: scale) }
            }
        }
        return out
    }
}
