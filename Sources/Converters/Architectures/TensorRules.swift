/// Parts that the tables of tensors have in common.
extension TensorRule {
    static let embeddingAndHead = [
        TensorRule("model.embed_tokens", "token_embd"),
        TensorRule("lm_head", "output"),
    ]

    /// Separate projections. `interleaved`: for loaders whose rotary embedding pairs neighbours.
    static func attention(interleaved: Bool) -> [TensorRule] {
        [
            TensorRule("model.layers.#.self_attn.q_proj", "blk.#.attn_q", interleaved ? .interleaved(heads: "num_attention_heads") : .none),
            TensorRule("model.layers.#.self_attn.k_proj", "blk.#.attn_k", interleaved ? .interleaved(heads: "num_key_value_heads") : .none),
            TensorRule("model.layers.#.self_attn.v_proj", "blk.#.attn_v"),
            TensorRule("model.layers.#.self_attn.o_proj", "blk.#.attn_output"),
        ]
    }

    static func queryAndKeyNorms(_ change: Change = .none) -> [TensorRule] {
        [
            TensorRule("model.layers.#.self_attn.q_norm", "blk.#.attn_q_norm", change),
            TensorRule("model.layers.#.self_attn.k_norm", "blk.#.attn_k_norm", change),
        ]
    }

    static let feedForward = [
        TensorRule("model.layers.#.mlp.gate_proj", "blk.#.ffn_gate"),
        TensorRule("model.layers.#.mlp.up_proj", "blk.#.ffn_up"),
        TensorRule("model.layers.#.mlp.down_proj", "blk.#.ffn_down"),
    ]

    /// Norms before attention and feed-forward and at the end.
    static let norms = [
        TensorRule("model.layers.#.input_layernorm", "blk.#.attn_norm"),
        TensorRule("model.layers.#.post_attention_layernorm", "blk.#.ffn_norm"),
        TensorRule("model.norm", "output_norm"),
    ]

    /// Gemma's four norms a layer and the last one, stored as their difference from 1.
    static let gemmaNorms = [
        TensorRule("model.layers.#.input_layernorm", "blk.#.attn_norm", .plusOne),
        TensorRule("model.layers.#.post_attention_layernorm", "blk.#.post_attention_norm", .plusOne),
        TensorRule("model.layers.#.pre_feedforward_layernorm", "blk.#.ffn_norm", .plusOne),
        TensorRule("model.layers.#.post_feedforward_layernorm", "blk.#.post_ffw_norm", .plusOne),
        TensorRule("model.norm", "output_norm", .plusOne),
    ]
}
