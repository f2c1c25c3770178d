/// Rules shared by several architectures.
extension TensorRule {
    package static let embeddingAndHead = [
        TensorRule("model.embed_tokens", embeddingInGGUF, .vocabulary, .width),
        head,
    ]

    /// If missing, the embedding is used.
    package static let head = TensorRule("lm_head", headInGGUF, .vocabulary, .width)

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

    package static func queryAndKeyNorms(_ change: Change = .none, query: [Extent] = [.head], key: [Extent] = [.head], when: [Condition] = []) -> [TensorRule] {
        [
            TensorRule("model.layers.#.self_attn.q_norm", "blk.#.attn_q_norm", shape: query, change: change, when: when),
            TensorRule("model.layers.#.self_attn.k_norm", "blk.#.attn_k_norm", shape: key, change: change, when: when),
        ]
    }

    package static func feedForward(bias: Bias = .none, when: [Condition] = []) -> [TensorRule] {
        [
            TensorRule("model.layers.#.mlp.gate_proj", "blk.#.ffn_gate", .feedForward, .width, bias: bias, when: when),
            TensorRule("model.layers.#.mlp.up_proj", "blk.#.ffn_up", .feedForward, .width, bias: bias, when: when),
            TensorRule("model.layers.#.mlp.down_proj", "blk.#.ffn_down", .width, .feedForward, bias: bias, when: when),
        ]
    }

    /// Up and down without a gate, under these names.
    package static func plainFeedForward(_ up: String = "up_proj", _ down: String = "down_proj", bias: Bias = .none) -> [TensorRule] {
        [
            TensorRule("model.layers.#.mlp.\(up)", "blk.#.ffn_up", .feedForward, .width, bias: bias),
            TensorRule("model.layers.#.mlp.\(down)", "blk.#.ffn_down", .width, .feedForward, bias: bias),
        ]
    }

    /// Gate and up in one matrix.
    package static let fusedFeedForward = [
        TensorRule("model.layers.#.mlp.gate_up_proj", "blk.#.ffn_up", .gateAndUp, .width),
        TensorRule("model.layers.#.mlp.down_proj", "blk.#.ffn_down", .width, .feedForward),
    ]

    /// A router, and single experts, which GGUF stacks.
    package static func experts(
        _ block: String = "mlp", router: String = "gate", gate: String = "gate_proj", up: String = "up_proj", down: String = "down_proj",
        count: Extent = .key("num_experts"), width: Extent = .key("moe_intermediate_size"), when conditions: [Condition] = []
    ) -> [TensorRule] {
        let experts = "model.layers.#.\(block).experts.*"
        return [
            TensorRule("model.layers.#.\(block).\(router)", "blk.#.ffn_gate_inp", count, .width, when: conditions),
            TensorRule("\(experts).\(gate)", "blk.#.ffn_gate_exps", count, width, .width, when: conditions),
            TensorRule("\(experts).\(up)", "blk.#.ffn_up_exps", count, width, .width, when: conditions),
            TensorRule("\(experts).\(down)", "blk.#.ffn_down_exps", count, .width, width, when: conditions),
        ]
    }

    /// Experts that all tokens use.
    package static func sharedExperts(_ module: String, width: Extent, when conditions: [Condition] = []) -> [TensorRule] {
        [
            TensorRule("model.layers.#.mlp.\(module).gate_proj", "blk.#.ffn_gate_shexp", width, .width, when: conditions),
            TensorRule("model.layers.#.mlp.\(module).up_proj", "blk.#.ffn_up_shexp", width, .width, when: conditions),
            TensorRule("model.layers.#.mlp.\(module).down_proj", "blk.#.ffn_down_shexp", .width, width, when: conditions),
        ]
    }

    /// Gate and up in one matrix, or in one of each of several experts, which GGUF has apart.
    package static func split(_ name: String, _ gate: String, _ up: String, experts: Extent? = nil, width: Extent, when conditions: [Condition] = [])
        -> [TensorRule]
    {
        let leading = experts.map { [$0] } ?? []
        return [(gate, 0), (up, 1)].map { gguf, place in
            let part = Arrangement.Part(axis: leading.count, start: .number(place), count: .number(1))
            return TensorRule(
                name, gguf, shape: leading + [width, .width],
                change: .arranged([Arrangement(leading + [.number(2), width, .width], part: part)], from: leading + [.product(.number(2), width), .width]),
                when: conditions)
        }
    }

    /// Norms before attention, before feed-forward, and the final one.
    package static let norms = norms()

    package static func norms(change: Change = .none, bias: Bias = .none) -> [TensorRule] {
        [
            TensorRule("model.layers.#.input_layernorm", "blk.#.attn_norm", .width, change: change, bias: bias),
            TensorRule("model.layers.#.post_attention_layernorm", "blk.#.ffn_norm", .width, change: change, bias: bias),
            TensorRule("model.norm", "output_norm", .width, change: change, bias: bias),
        ]
    }

    /// Norms after attention and after feed-forward, and the final one.
    package static let normsAfter = [
        TensorRule("model.layers.#.post_attention_layernorm", "blk.#.post_attention_norm", .width),
        TensorRule("model.layers.#.post_feedforward_layernorm", "blk.#.post_ffw_norm", .width),
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
