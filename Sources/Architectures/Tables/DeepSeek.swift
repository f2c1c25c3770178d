extension Architecture {
    /// DeepSeek V2 and V2 Lite: latent attention, whose second matrix of keys and values GGUF has apart, and experts after some dense layers.
    package static let deepSeekV2 = Architecture(
        gguf: "deepseek2", modelTypes: ["deepseek_v2"], className: "DeepseekV2ForCausalLM", tensors: deepSeekTensors,
        hyperparameters: deepSeekHyperparameters(scoring: "softmax"), features: deepSeekFeatures, derived: deepSeekDerived,
        fixed: deepSeekFixed + [("topk_method", ["greedy"]), ("scoring_func", ["softmax"])], harmless: deepSeekHarmless,
        forward: ForwardPass(routing: .init(.softmax, .asConfigured)))

    /// DeepSeek V3 and R1: the same with a bias of the choice of experts.
    package static let deepSeekV3 = likeDeepSeekV3("deepseek_v3", "DeepseekV3ForCausalLM", mark: "expert_group_count", defaults: [])

    /// GLM 4.7 Flash.
    package static let glm4MoELite = likeDeepSeekV3("glm4_moe_lite", "Glm4MoeLiteForCausalLM", mark: nil, defaults: [("first_k_dense_replace", 1)])

    private static func likeDeepSeekV3(
        _ type: String, _ className: String, mark: String?, defaults: [(key: String, value: JSONValue)]
    ) -> Architecture {
        Architecture(
            gguf: "deepseek2", modelTypes: [type], className: className,
            tensors: deepSeekTensors + [
                TensorRule(
                    "model.layers.#.mlp.gate.e_score_correction_bias", "blk.#.exp_probs_b.bias", .key("n_routed_experts"),
                    when: [.from("first_k_dense_replace")], isWhole: true)
            ],
            hyperparameters: deepSeekHyperparameters(scoring: "sigmoid"), features: deepSeekFeatures, defaults: defaults, derived: deepSeekDerived,
            mark: mark, fixed: deepSeekFixed + [("topk_method", ["noaux_tc"]), ("rope_interleave", [true])], harmless: deepSeekHarmless,
            forward: ForwardPass(routing: .init(.sigmoid, .asConfigured, groupsByTwo: true)))
    }

    private static let deepSeekTensors =
        TensorRule.embeddingAndHead + TensorRule.norms + [
            TensorRule("model.layers.#.self_attn.q_proj", "blk.#.attn_q", .product(heads, keyLength), .width, when: [.unset("q_lora_rank")]),
            TensorRule("model.layers.#.self_attn.q_a_proj", "blk.#.attn_q_a", .key("q_lora_rank"), .width, when: [.set("q_lora_rank")]),
            TensorRule("model.layers.#.self_attn.q_a_layernorm", "blk.#.attn_q_a_norm", .key("q_lora_rank"), when: [.set("q_lora_rank")]),
            TensorRule(
                "model.layers.#.self_attn.q_b_proj", "blk.#.attn_q_b", .product(heads, keyLength), .key("q_lora_rank"), when: [.set("q_lora_rank")]),
            TensorRule("model.layers.#.self_attn.kv_a_proj_with_mqa", "blk.#.attn_kv_a_mqa", .sum(latent, .key("qk_rope_head_dim")), .width),
            TensorRule("model.layers.#.self_attn.kv_a_layernorm", "blk.#.attn_kv_a_norm", latent),
            keysAndValues("blk.#.attn_k_b", heads, latent, unrotated, order: [0, 2, 1], part: .init(axis: 1, start: .number(0), count: unrotated)),
            keysAndValues("blk.#.attn_v_b", heads, value, latent, order: [0, 1, 2], part: .init(axis: 1, start: unrotated, count: value)),
            TensorRule("model.layers.#.self_attn.o_proj", "blk.#.attn_output", .width, .product(heads, value)),
        ] + TensorRule.feedForward(when: [.before("first_k_dense_replace")])
        + TensorRule.experts(count: .key("n_routed_experts"), when: [.from("first_k_dense_replace")])
        + TensorRule.sharedExperts(
            "shared_experts", width: .product(.key("n_shared_experts"), .key("moe_intermediate_size")),
            when: [.from("first_k_dense_replace"), .set("n_shared_experts")])

    private static let heads = TensorRule.Extent.key("num_attention_heads"), latent = TensorRule.Extent.key("kv_lora_rank")
    private static let unrotated = TensorRule.Extent.key("qk_nope_head_dim"), value = TensorRule.Extent.key("v_head_dim")
    private static let keyLength = TensorRule.Extent.sum(unrotated, .key("qk_rope_head_dim"))

    private static func keysAndValues(_ gguf: String, _ shape: TensorRule.Extent..., order: [Int], part: Arrangement.Part) -> TensorRule {
        let both = TensorRule.Extent.sum(unrotated, value)
        return TensorRule(
            "model.layers.#.self_attn.kv_b_proj", gguf, shape: shape,
            change: .arranged([Arrangement([heads, both, latent], order: order, part: part)], from: [.product(heads, both), latent]))
    }
}
