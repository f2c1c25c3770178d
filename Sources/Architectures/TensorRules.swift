/// Rules shared by several architectures.
extension TensorRule {
    package static let embeddingAndHead = [
        TensorRule("model.embed_tokens", "token_embd", .vocabulary, .width),
        head,
    ]

    /// If missing, the embedding is used.
    package static let head = TensorRule("lm_head", "output", .vocabulary, .width)

    /// Separate projections. `interleaved`: for loaders whose rotary embedding pairs neighbouring rows.
    package static func attention(interleaved: Bool, bias: Bias, outputBias: Bias) -> [TensorRule] {
        func change(_ heads: Heads) -> Change { interleaved ? .interleaved(heads) : .none }
        return [
            TensorRule("model.layers.#.self_attn.q_proj", "blk.#.attn_q", .queries, .width, change: change(.ofQueries), bias: bias),
            TensorRule("model.layers.#.self_attn.k_proj", "blk.#.attn_k", .keys, .width, change: change(.ofKeys), bias: bias),
            TensorRule("model.layers.#.self_attn.v_proj", "blk.#.attn_v", .keys, .width, bias: bias),
            TensorRule("model.layers.#.self_attn.o_proj", "blk.#.attn_output", .width, .queries, bias: outputBias),
        ]
    }

    package static func queryAndKeyNorms(_ change: Change = .none) -> [TensorRule] {
        [
            TensorRule("model.layers.#.self_attn.q_norm", "blk.#.attn_q_norm", .head, change: change),
            TensorRule("model.layers.#.self_attn.k_norm", "blk.#.attn_k_norm", .head, change: change),
        ]
    }

    package static func feedForward(bias: Bias = .none) -> [TensorRule] {
        [
            TensorRule("model.layers.#.mlp.gate_proj", "blk.#.ffn_gate", .feedForward, .width, bias: bias),
            TensorRule("model.layers.#.mlp.up_proj", "blk.#.ffn_up", .feedForward, .width, bias: bias),
            TensorRule("model.layers.#.mlp.down_proj", "blk.#.ffn_down", .width, .feedForward, bias: bias),
        ]
    }

    /// Norms before attention, before feed-forward, and the final one.
    package static let norms = [
        TensorRule("model.layers.#.input_layernorm", "blk.#.attn_norm", .width),
        TensorRule("model.layers.#.post_attention_layernorm", "blk.#.ffn_norm", .width),
        TensorRule("model.norm", "output_norm", .width),
    ]

    /// Gemma's four norms per layer and the final one, stored as the difference from 1.
    package static let gemmaNorms = [
        TensorRule("model.layers.#.input_layernorm", "blk.#.attn_norm", .width, change: .plusOne),
        TensorRule("model.layers.#.post_attention_layernorm", "blk.#.post_attention_norm", .width, change: .plusOne),
        TensorRule("model.layers.#.pre_feedforward_layernorm", "blk.#.ffn_norm", .width, change: .plusOne),
        TensorRule("model.layers.#.post_feedforward_layernorm", "blk.#.post_ffw_norm", .width, change: .plusOne),
        TensorRule("model.norm", "output_norm", .width, change: .plusOne),
    ]
}

extension TensorRule.Bias {
    /// For all of Llama's projections. In models with biases on queries, keys and values only, the output's bias is zero.
    package static let attention = TensorRule.Bias.flagged("attention_bias")
    package static let output = TensorRule.Bias.flagged("attention_bias", lenient: true)
    package static let unloadableOutput = TensorRule.Bias.flagged("attention_bias", lenient: true, loadable: false)
}
