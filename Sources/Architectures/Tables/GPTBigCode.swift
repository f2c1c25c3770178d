extension Architecture {
    /// StarCoder 1 and SantaCoder: GPT-2 with one key and value head, and no matrix transposed.
    package static let gptBigCode = Architecture(
        gguf: "starcoder", modelTypes: ["gpt_bigcode"], className: "GPTBigCodeForCausalLM",
        tensors: [
            TensorRule("transformer.wte", TensorRule.embeddingInGGUF, .vocabulary, .width), TensorRule.head,
            TensorRule("transformer.wpe", "position_embd", .key("max_position_embeddings"), .width),
            TensorRule("transformer.h.#.ln_1", "blk.#.attn_norm", .width, bias: .required),
            TensorRule("transformer.h.#.attn.c_attn", "blk.#.attn_qkv", .attention, .width, bias: .required),
            TensorRule("transformer.h.#.attn.c_proj", "blk.#.attn_output", .width, .width, bias: .required),
            TensorRule("transformer.h.#.ln_2", "blk.#.ffn_norm", .width, bias: .required),
            TensorRule("transformer.h.#.mlp.c_fc", "blk.#.ffn_up", .feedForward, .width, bias: .required),
            TensorRule("transformer.h.#.mlp.c_proj", "blk.#.ffn_down", .width, .feedForward, bias: .required),
            TensorRule("transformer.ln_f", "output_norm", .width, bias: .required),
        ],
        hyperparameters: Hyperparameter.decoder(
            context: 1024, epsilon: 1e-5, theta: nil, keyValueHeads: .value(1), norm: .layer, feedForward: .multiple(4, of: "hidden_size")),
        features: [],
        names: [
            ("hidden_size", "n_embd"), ("num_hidden_layers", "n_layer"), ("num_attention_heads", "n_head"), ("max_position_embeddings", "n_positions"),
            ("intermediate_size", "n_inner"), ("layer_norm_eps", "layer_norm_epsilon"),
        ],
        fixed: [
            ("activation_function", ["gelu_pytorch_tanh", "gelu_new"]), ("scale_attn_weights", [true]), ("multi_query", [true]),
            ("num_key_value_heads", [1]), ("add_cross_attention", [false]),
        ],
        harmless: [
            "n_ctx", "attention_softmax_in_fp32", "scale_attention_softmax_in_fp32", "inference_runner", "max_batch_size", "max_sequence_length",
            "pad_key_length", "pre_allocate_kv_cache", "validate_runner_input", "summary_type", "summary_use_proj", "summary_activation",
            "summary_proj_to_labels", "summary_first_dropout",
        ],
        headsFillWidth: true)
}
