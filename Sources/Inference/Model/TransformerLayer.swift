internal import QAMFormat

/// The weights of one layer. Norms are nil where the architecture has none.
struct TransformerLayer: Sendable {
    /// The length of the sliding window, including the token itself; nil without a window.
    let window: Int?
    let rotary: TransformerConfiguration.Rotary?
    let inputNorm: [Float]?
    let attention: AttentionWeights
    /// Of what attention adds.
    let attentionOutputNorm: [Float]?
    let feedForwardNorm: [Float]?
    let feedForward: FeedForward
    /// Of what the feed-forward network adds.
    let feedForwardOutputNorm: [Float]?

    /// Throws `malformed` for a missing tensor or one whose shape contradicts the configuration.
    init(_ index: Int, _ configuration: TransformerConfiguration, from weights: ModelWeights) throws {
        let tensors = LayerTensors(configuration: configuration, weights: weights, layer: index), width = configuration.width
        // Some architectures' norm before the feed-forward network is called `post_attention_norm` in GGUF.
        let isNamedAfter = tensors.rule("ffn_norm") == nil && tensors.rule("attn_norm") != nil
        window = configuration.window(ofLayer: index)
        rotary = configuration.rotary(ofLayer: index)
        inputNorm = try tensors.norm("attn_norm", count: width)
        attention = try AttentionWeights(tensors)
        attentionOutputNorm = isNamedAfter ? nil : try tensors.norm("post_attention_norm", count: width)
        feedForwardNorm = try tensors.norm(isNamedAfter ? "post_attention_norm" : "ffn_norm", count: width)
        feedForward = try FeedForward(tensors)
        feedForwardOutputNorm = try tensors.norm("post_ffw_norm", count: width)
    }

    /// The matrices that read the same vectors, in execution order.
    var inputs: [[any Linear]] { attention.inputs + feedForward.inputs }
}
