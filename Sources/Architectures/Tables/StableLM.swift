extension Architecture {
    /// StableLM 2: layer norms with biases, and a rotary embedding of a part of each head. The 12B has norms of each head and no second norm.
    package static let stableLM = Architecture(
        gguf: "stablelm", modelTypes: ["stablelm"], className: "StableLmForCausalLM",
        tensors: TensorRule.embeddingAndHead + [
            TensorRule("model.layers.#.input_layernorm", "blk.#.attn_norm", .width, bias: .required),
            TensorRule(
                "model.layers.#.post_attention_layernorm", "blk.#.ffn_norm", .width, bias: .required, when: [.unset("use_parallel_residual")]),
            TensorRule("model.norm", "output_norm", .width, bias: .required),
            TensorRule(
                "model.layers.#.self_attn.q_layernorm.norms.*", "blk.#.attn_q_norm", .key("num_attention_heads"), .head, when: [.set("qk_layernorm")]),
            TensorRule(
                "model.layers.#.self_attn.k_layernorm.norms.*", "blk.#.attn_k_norm", .key("num_key_value_heads"), .head, when: [.set("qk_layernorm")]),
        ] + TensorRule.attention(interleaved: false, bias: .flagged("use_qkv_bias"), outputBias: .none) + TensorRule.feedForward(),
        hyperparameters: Hyperparameter.decoder(context: 4096, epsilon: 1e-5, theta: 10000, keyValueHeads: .value(32), norm: .layer) + [
            Hyperparameter(
                "use_parallel_residual", "use_parallel_residual", kind: .flag, configDefault: .value(false), ggufDefault: .value(true))
        ],
        features: [
            .ropeDimensions(partial: true), .ropeScaling, .flag("use_qkv_bias", tensor: "blk.0.attn_q.bias"),
            .flag("qk_layernorm", tensor: "blk.0.attn_q_norm.weight"),
        ],
        defaults: [("partial_rotary_factor", 0.25)],
        fixed: [("hidden_act", ["silu", "swish"]), ("tie_word_embeddings", [false])], headsFillWidth: true)
}
