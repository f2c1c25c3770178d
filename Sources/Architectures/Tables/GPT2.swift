extension Architecture {
    /// GPT-2: learned positions, and matrices that Hugging Face stores transposed.
    package static let gpt2 = Architecture(
        gguf: "gpt2", modelTypes: ["gpt2"], className: "GPT2LMHeadModel",
        tensors: [
            TensorRule("transformer.wte", TensorRule.embeddingInGGUF, .vocabulary, .width), TensorRule.head,
            TensorRule("transformer.wpe", "position_embd", .key("max_position_embeddings"), .width),
            TensorRule("transformer.h.#.ln_1", "blk.#.attn_norm", .width, bias: .required),
            transposed("transformer.h.#.attn.c_attn", "blk.#.attn_qkv", .attention, .width),
            transposed("transformer.h.#.attn.c_proj", "blk.#.attn_output", .width, .width),
            TensorRule("transformer.h.#.ln_2", "blk.#.ffn_norm", .width, bias: .required),
            transposed("transformer.h.#.mlp.c_fc", "blk.#.ffn_up", .feedForward, .width),
            transposed("transformer.h.#.mlp.c_proj", "blk.#.ffn_down", .width, .feedForward),
            TensorRule("transformer.ln_f", "output_norm", .width, bias: .required),
        ],
        hyperparameters: Hyperparameter.decoder(
            context: 1024, epsilon: 1e-5, theta: nil, norm: .layer, feedForward: .multiple(4, of: "hidden_size")),
        features: [],
        names: [
            ("hidden_size", "n_embd"), ("num_hidden_layers", "n_layer"), ("num_attention_heads", "n_head"), ("max_position_embeddings", "n_positions"),
            ("intermediate_size", "n_inner"), ("layer_norm_eps", "layer_norm_epsilon"),
        ],
        fixed: [
            ("activation_function", ["gelu_new", "gelu_pytorch_tanh"]), ("scale_attn_weights", [true]), ("scale_attn_by_inverse_layer_idx", [false]),
            ("add_cross_attention", [false]),
        ],
        harmless: [
            "n_ctx", "reorder_and_upcast_attn", "summary_type", "summary_use_proj", "summary_activation", "summary_proj_to_labels",
            "summary_first_dropout",
        ],
        headsFillWidth: true)

    private static func transposed(_ huggingFace: String, _ gguf: String, _ rows: TensorRule.Extent, _ columns: TensorRule.Extent) -> TensorRule {
        TensorRule(
            huggingFace, gguf, rows, columns, change: .arranged([Arrangement([columns, rows], order: [1, 0])], from: [columns, rows]), bias: .required)
    }
}
