internal import QAMFormat

/// A llama-family language model: llama, mistral, qwen2 (biases) and qwen3 (query and key norms), as determined by its tensors.
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
        embedding = try weights.matrix("model.embed_tokens.weight", rows: c.vocabularySize, columns: c.width)
        // Appended one by one: an untrusted layer count reserves no memory.
        var layers: [TransformerLayer] = []
        for index in 0..<c.layerCount { layers.append(try TransformerLayer(index, c, from: weights)) }
        self.layers = layers
        norm = try weights.vector("model.norm.weight", count: c.width)
        let hasOwnHead = c.head == .own || c.head == .asFound && weights.has("lm_head.weight")
        head = hasOwnHead ? try weights.matrix("lm_head.weight", rows: c.vocabularySize, columns: c.width) : embedding
        isTied = !hasOwnHead || weights.isSame("lm_head.weight", "model.embed_tokens.weight")
    }

    func rotary(positions: Int) -> RotaryTable {
        RotaryTable(configuration.rotary, headWidth: configuration.headWidth, positions: positions)
    }

    /// Throws `invalidArgument` for a token outside the vocabulary.
    func requireKnown(_ tokens: some Sequence<UInt32>) throws {
        guard let token = tokens.first(where: { $0 >= configuration.vocabularySize }) else { return }
        throw QAMError(.invalidArgument, "token \(token) is outside the vocabulary of \(configuration.vocabularySize)")
    }

    /// The embeddings of tokens, which must be in the vocabulary.
    func embed(_ tokens: ArraySlice<UInt32>) throws -> FloatMatrix {
        let x = FloatMatrix(count: tokens.count, width: configuration.width)
        for (t, token) in tokens.enumerated() { try embedding.copyRow(Int(token), to: x, t) }
        return x
    }
}
