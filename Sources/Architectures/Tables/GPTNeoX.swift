extension Architecture {
    /// Pythia and GPT-NeoX: query, key and value of each head together, which GGUF orders as all queries, all keys, all values.
    package static let gptNeoX = Architecture(
        gguf: "gptneox", modelTypes: ["gpt_neox"], className: "GPTNeoXForCausalLM",
        tensors: [
            TensorRule("gpt_neox.embed_in", TensorRule.embeddingInGGUF, .vocabulary, .width),
            TensorRule("embed_out", TensorRule.headInGGUF, .vocabulary, .width),
            TensorRule("gpt_neox.layers.#.input_layernorm", "blk.#.attn_norm", .width, bias: .required),
            TensorRule("gpt_neox.layers.#.post_attention_layernorm", "blk.#.ffn_norm", .width, bias: .required),
            .headwise("gpt_neox.layers.#.attention.query_key_value", "blk.#.attn_qkv"),
            TensorRule("gpt_neox.layers.#.attention.dense", "blk.#.attn_output", .width, .width, bias: .required),
            TensorRule("gpt_neox.layers.#.mlp.dense_h_to_4h", "blk.#.ffn_up", .feedForward, .width, bias: .required),
            TensorRule("gpt_neox.layers.#.mlp.dense_4h_to_h", "blk.#.ffn_down", .width, .feedForward, bias: .required),
            TensorRule("gpt_neox.final_layer_norm", "output_norm", .width, bias: .required),
        ],
        hyperparameters: Hyperparameter.decoder(context: 2048, epsilon: 1e-5, theta: 10000, norm: .layer) + [
            Hyperparameter(
                "use_parallel_residual", "use_parallel_residual", kind: .flag, configDefault: .value(true), ggufDefault: .value(true))
        ],
        features: [.ropeDimensions(partial: true)],
        names: [("rope_theta", "rotary_emb_base"), ("partial_rotary_factor", "rotary_pct")], defaults: [("partial_rotary_factor", 0.25)],
        fixed: [("hidden_act", ["gelu", "gelu_new", "gelu_fast", "gelu_pytorch_tanh"]), ("attention_bias", [true]), ("tie_word_embeddings", [false])],
        headsFillWidth: true)
}

extension TensorRule {
    /// Query, key and value of each head together in Hugging Face.
    static func headwise(_ huggingFace: String, _ gguf: String) -> TensorRule {
        let heads = Extent.key("num_attention_heads")
        return TensorRule(
            huggingFace, gguf, .attention, .width,
            change: .arranged([Arrangement([heads, .number(3), .head, .width], order: [1, 0, 2, 3])], from: [.attention, .width]), bias: .required)
    }
}
