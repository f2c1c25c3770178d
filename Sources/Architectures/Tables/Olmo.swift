internal import QAMFormat

extension Architecture {
    /// OLMo 1: norms without weights, and clipped queries, keys and values.
    package static let olmo = Architecture(
        gguf: "olmo", modelTypes: ["olmo"], className: "OlmoForCausalLM",
        tensors: TensorRule.embeddingAndHead + TensorRule.attention(interleaved: true, bias: .none, outputBias: .none) + TensorRule.feedForward(),
        hyperparameters: Hyperparameter.decoder(context: 2048, epsilon: 1e-5, theta: 10000, norm: nil) + [
            .headSize(),
            Hyperparameter("clip_qkv", "attention.clamp_kqv", kind: .number, configDefault: .omitted, ggufDefault: .value(.null)),
        ],
        features: [.ropeScaling],
        constants: [("attention.layer_norm_epsilon", .float32(1e-5))],
        fixed: [("hidden_act", ["silu", "swish"]), ("attention_bias", [false])], headsFillWidth: true)
}
