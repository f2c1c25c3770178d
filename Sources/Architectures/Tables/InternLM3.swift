extension Architecture {
    /// InternLM 3: in GGUF a `llama`.
    package static let internLM3 = Architecture(
        gguf: "llama", modelTypes: ["internlm3"], className: "InternLM3ForCausalLM",
        tensors: TensorRule.embeddingAndHead + TensorRule.norms + TensorRule.attention(interleaved: true, bias: .none, outputBias: .none)
            + TensorRule.feedForward(),
        hyperparameters: Hyperparameter.decoder(context: 32768, epsilon: 1e-5, theta: 10000, keyValueHeads: .value(2)) + [.headSize(128)],
        features: [.ropeDimensions(partial: false), .ropeScaling],
        synonyms: [("attention_bias", "qkv_bias"), ("mlp_bias", "bias")],
        fixed: [("hidden_act", ["silu", "swish"]), ("attention_bias", [false]), ("mlp_bias", [false])],
        forward: ForwardPass())
}
