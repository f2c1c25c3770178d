extension Architecture {
    /// BLOOM: positions by linear biases, and a norm of the embedding.
    package static let bloom = Architecture(
        gguf: "bloom", modelTypes: ["bloom"], className: "BloomForCausalLM",
        tensors: [
            TensorRule("transformer.word_embeddings", TensorRule.embeddingInGGUF, .vocabulary, .width), TensorRule.head,
            TensorRule("transformer.word_embeddings_layernorm", "token_embd_norm", .width, bias: .required),
            TensorRule("transformer.h.#.input_layernorm", "blk.#.attn_norm", .width, bias: .required),
            .headwise("transformer.h.#.self_attention.query_key_value", "blk.#.attn_qkv"),
            TensorRule("transformer.h.#.self_attention.dense", "blk.#.attn_output", .width, .width, bias: .required),
            TensorRule("transformer.h.#.post_attention_layernorm", "blk.#.ffn_norm", .width, bias: .required),
            TensorRule("transformer.h.#.mlp.dense_h_to_4h", "blk.#.ffn_up", .feedForward, .width, bias: .required),
            TensorRule("transformer.h.#.mlp.dense_4h_to_h", "blk.#.ffn_down", .width, .feedForward, bias: .required),
            TensorRule("transformer.ln_f", "output_norm", .width, bias: .required),
        ],
        hyperparameters: Hyperparameter.decoder(
            context: 2048, epsilon: 1e-5, theta: nil, norm: .layer, feedForward: .multiple(4, of: "hidden_size")),
        features: [],
        names: [
            ("num_hidden_layers", "n_layer"), ("num_attention_heads", "n_head"), ("max_position_embeddings", "seq_length"),
            ("layer_norm_eps", "layer_norm_epsilon"), ("hidden_size", "n_embed"),
        ],
        fixed: [("apply_residual_connection_post_layernorm", [false])],
        harmless: [
            "slow_but_exact", "skip_bias_add", "skip_bias_add_qkv", "attention_softmax_in_fp32", "masked_softmax_fusion", "bias_dropout_fusion",
            "offset_alibi", "unk_token_id", "num_key_value_heads", "intermediate_size",
        ],
        headsFillWidth: true)
}
