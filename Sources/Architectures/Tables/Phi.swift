extension Architecture {
    /// Phi 1, 1.5 and 2: one norm for attention and feed-forward, which are parallel; biases everywhere.
    package static let phi = Architecture(
        gguf: "phi2", modelTypes: ["phi"], className: "PhiForCausalLM",
        tensors: [
            TensorRule("model.embed_tokens", TensorRule.embeddingInGGUF, .vocabulary, .width),
            TensorRule("lm_head", TensorRule.headInGGUF, .vocabulary, .width, bias: .required),
            TensorRule("model.layers.#.input_layernorm", "blk.#.attn_norm", .width, bias: .required),
            TensorRule("model.final_layernorm", "output_norm", .width, bias: .required),
            TensorRule("model.layers.#.self_attn.q_proj", "blk.#.attn_q", .queries, .width, bias: .required),
            TensorRule("model.layers.#.self_attn.k_proj", "blk.#.attn_k", .keys, .width, bias: .required),
            TensorRule("model.layers.#.self_attn.v_proj", "blk.#.attn_v", .keys, .width, bias: .required),
            TensorRule("model.layers.#.self_attn.dense", "blk.#.attn_output", .width, .queries, bias: .required),
        ] + TensorRule.plainFeedForward("fc1", "fc2", bias: .required),
        hyperparameters: Hyperparameter.decoder(context: 2048, epsilon: 1e-5, theta: 10000, norm: .layer),
        features: [.ropeDimensions(partial: true), .ropeScaling],
        defaults: [("partial_rotary_factor", 0.5)],
        fixed: [("hidden_act", ["gelu_new", "gelu_pytorch_tanh"]), ("qk_layernorm", [false]), ("tie_word_embeddings", [false])], headsFillWidth: true)
}
