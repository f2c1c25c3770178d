extension Architecture {
    /// EXAONE 3 and 3.5: llama under other names.
    package static let exaone = Architecture(
        gguf: "exaone", modelTypes: ["exaone"], className: "ExaoneForCausalLM",
        tensors: [
            TensorRule("transformer.wte", TensorRule.embeddingInGGUF, .vocabulary, .width), TensorRule.head,
            TensorRule("transformer.h.#.ln_1", "blk.#.attn_norm", .width), TensorRule("transformer.h.#.ln_2", "blk.#.ffn_norm", .width),
            TensorRule("transformer.h.#.attn.attention.q_proj", "blk.#.attn_q", .queries, .width),
            TensorRule("transformer.h.#.attn.attention.k_proj", "blk.#.attn_k", .keys, .width),
            TensorRule("transformer.h.#.attn.attention.v_proj", "blk.#.attn_v", .keys, .width),
            TensorRule("transformer.h.#.attn.attention.out_proj", "blk.#.attn_output", .width, .queries),
            TensorRule("transformer.h.#.mlp.c_fc_0", "blk.#.ffn_gate", .feedForward, .width),
            TensorRule("transformer.h.#.mlp.c_fc_1", "blk.#.ffn_up", .feedForward, .width),
            TensorRule("transformer.h.#.mlp.c_proj", "blk.#.ffn_down", .width, .feedForward),
            TensorRule("transformer.ln_f", "output_norm", .width),
        ],
        hyperparameters: Hyperparameter.decoder(context: 4096, epsilon: 1e-5, theta: 500_000) + [.headSize()],
        features: [.ropeDimensions(partial: false), .ropeScaling],
        synonyms: [("num_hidden_layers", "num_layers"), ("rms_norm_eps", "layer_norm_epsilon")],
        fixed: [
            ("hidden_act", ["silu", "swish"]), ("activation_function", ["silu", "swish"]), ("attention_bias", [false]), ("mlp_bias", [false]),
        ],
        harmless: ["embed_dropout"], headsFillWidth: true)
}
