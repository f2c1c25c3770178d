extension Architecture {
    /// Seed OSS: biases on query, key and value, and an independent head size.
    package static let seedOSS = Architecture(
        gguf: "seed_oss", modelTypes: ["seed_oss"], className: "SeedOssForCausalLM",
        tensors: TensorRule.embeddingAndHead + [
            TensorRule("model.layers.#.input_layernorm", "blk.#.attn_norm", .width),
            TensorRule("model.layers.#.post_attention_layernorm", "blk.#.post_attention_norm", .width),
            TensorRule("model.norm", "output_norm", .width),
        ] + TensorRule.attention(interleaved: false, bias: .attention, outputBias: .none) + TensorRule.feedForward(),
        hyperparameters: Hyperparameter.decoder(context: 524_288, epsilon: 1e-6, theta: 10000, keyValueHeads: .value(8)) + [.headSize(128)],
        features: [.ropeScaling, .flag("attention_bias", tensor: "blk.0.attn_q.bias")],
        defaults: [("attention_bias", true)],
        fixed: [("hidden_act", ["silu", "swish"]), ("attention_out_bias", [false]), ("mlp_bias", [false])], harmless: ["residual_dropout"],
        forward: ForwardPass())
}
