internal import QAMFormat

extension Architecture {
    /// Falcon 7B: attention and feed-forward in parallel after one norm, one key and value head for all queries.
    package static let falcon = Architecture(
        gguf: "falcon", modelTypes: ["falcon"], className: "FalconForCausalLM",
        tensors: [
            TensorRule("transformer.word_embeddings", TensorRule.embeddingInGGUF, .vocabulary, .width), TensorRule.head,
            TensorRule("transformer.h.#.input_layernorm", "blk.#.attn_norm", .width, bias: .required, when: [.unset("new_decoder_architecture")]),
            // The larger ones have a norm for each; GGUF's first is that of feed-forward.
            TensorRule("transformer.h.#.ln_attn", "blk.#.attn_norm_2", .width, bias: .required, when: [.set("new_decoder_architecture")]),
            TensorRule("transformer.h.#.ln_mlp", "blk.#.attn_norm", .width, bias: .required, when: [.set("new_decoder_architecture")]),
            TensorRule(
                "transformer.h.#.self_attention.query_key_value", "blk.#.attn_qkv", .attention, .width,
                change: .arranged(
                    [part(.number(0), perKey), part(perKey, .number(1)), part(.sum(perKey, .number(1)), .number(1))], from: [.attention, .width])),
            TensorRule("transformer.h.#.self_attention.dense", "blk.#.attn_output", .width, .width),
            TensorRule("transformer.h.#.mlp.dense_h_to_4h", "blk.#.ffn_up", .feedForward, .width),
            TensorRule("transformer.h.#.mlp.dense_4h_to_h", "blk.#.ffn_down", .width, .feedForward),
            TensorRule("transformer.ln_f", "output_norm", .width, bias: .required),
        ],
        hyperparameters: Hyperparameter.decoder(
            context: 2048, epsilon: 1e-5, theta: 10000, keyValueHeads: .value(1), norm: .layer, feedForward: .multiple(4, of: "hidden_size")),
        features: [.flag("new_decoder_architecture", tensor: "blk.0.attn_norm_2.weight")],
        names: [
            ("num_key_value_heads", "num_kv_heads"), ("layer_norm_eps", "layer_norm_epsilon"), ("intermediate_size", "ffn_hidden_size"),
        ],
        synonyms: [("num_hidden_layers", "n_layer"), ("num_attention_heads", "n_head"), ("num_key_value_heads", "n_head_kv")],
        constants: [("tensor_data_layout", .string("jploski"))],
        fixed: [
            ("activation", ["gelu"]), ("alibi", [false]), ("bias", [false]), ("parallel_attn", [true]), ("multi_query", [true]),
            ("num_ln_in_parallel_attn", [2]),
        ],
        harmless: ["apply_residual_connection_post_layernorm", "head_dim"], headsFillWidth: true)

    private static let perKey = TensorRule.Extent.quotient(.key("num_attention_heads"), .key("num_key_value_heads"))

    /// Of each key and value head's queries, key and value, which are together in Hugging Face.
    private static func part(_ start: TensorRule.Extent, _ count: TensorRule.Extent) -> Arrangement {
        Arrangement(
            [.key("num_key_value_heads"), .sum(perKey, .number(2)), .head, .width], part: .init(axis: 1, start: start, count: count))
    }
}
