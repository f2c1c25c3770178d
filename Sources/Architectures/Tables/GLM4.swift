extension Architecture {
    /// GLM 4 0414: four norms per layer, gate and up in one matrix, and a rotary embedding of neighbouring rows in a part of each head.
    package static let glm4 = Architecture(
        gguf: "glm4", modelTypes: ["glm4"], className: "Glm4ForCausalLM",
        tensors: TensorRule.embeddingAndHead + TensorRule.norms + [
            TensorRule("model.layers.#.post_self_attn_layernorm", "blk.#.post_attention_norm", .width),
            TensorRule("model.layers.#.post_mlp_layernorm", "blk.#.post_ffw_norm", .width),
        ] + TensorRule.attention(interleaved: false, bias: .attention, outputBias: .none) + TensorRule.fusedFeedForward,
        hyperparameters: Hyperparameter.decoder(context: 131_072, epsilon: 1.5625e-07, theta: 10000, keyValueHeads: .value(2)) + [.headSize(128)],
        features: [.ropeDimensions(partial: true), .ropeScaling, .flag("attention_bias", tensor: "blk.0.attn_q.bias")],
        defaults: [("partial_rotary_factor", 0.5)],
        fixed: [("hidden_act", ["silu", "swish"])],
        forward: ForwardPass(rotaryPairs: .neighbours))
}
