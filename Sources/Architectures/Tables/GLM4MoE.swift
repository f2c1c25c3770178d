internal import QAMFormat

extension Architecture {
    /// GLM 4.5 and 4.6: experts after some dense layers, one of which all tokens use, and a bias of their choice.
    package static let glm4MoE = Architecture(
        gguf: "glm4moe", modelTypes: ["glm4_moe"], className: "Glm4MoeForCausalLM",
        tensors: TensorRule.embeddingAndHead + [
            TensorRule("model.layers.#.input_layernorm", "blk.#.attn_norm", .width),
            TensorRule("model.layers.#.post_attention_layernorm", "blk.#.post_attention_norm", .width),
            TensorRule("model.norm", "output_norm", .width),
        ] + TensorRule.attention(interleaved: false, bias: .attention, outputBias: .none) + TensorRule.queryAndKeyNorms(when: [.set("use_qk_norm")])
            + TensorRule.expertsAfterDenseLayers,
        hyperparameters: Hyperparameter.decoder(context: 131_072, epsilon: 1e-5, theta: 10000, keyValueHeads: .value(8)) + [.headSize()]
            + Hyperparameter.expertsAfterDenseLayers(normalized: true) + [
                Hyperparameter("n_group", "expert_group_count", configDefault: .value(1), ggufDefault: .value(1)),
                Hyperparameter("topk_group", "expert_group_used_count", configDefault: .value(1), ggufDefault: .value(1)),
            ],
        features: [
            .ropeDimensions(partial: true), .ropeScaling, .furtherLayers, .flag("attention_bias", tensor: "blk.0.attn_q.bias"),
            .flag("use_qk_norm", tensor: "blk.0.attn_q_norm.weight"),
        ],
        defaults: [("partial_rotary_factor", 0.5)], constants: [("expert_gating_func", .uint32(2))],
        fixed: [("hidden_act", ["silu", "swish"])], harmless: ["num_mtp_layers"],
        forward: ForwardPass(routing: .init(.sigmoid, .asConfigured, groupsByTwo: true)))
}

extension TensorRule {
    /// DeepSeek's arrangement: dense layers, then experts with a bias of their choice, and those that all tokens use.
    static let expertsAfterDenseLayers =
        feedForward(when: [.before("first_k_dense_replace")])
        + experts(count: .key("n_routed_experts"), when: [.from("first_k_dense_replace")]) + [
            TensorRule(
                "model.layers.#.mlp.gate.e_score_correction_bias", "blk.#.exp_probs_b.bias", .key("n_routed_experts"),
                when: [.from("first_k_dense_replace")], isWhole: true)
        ]
        + sharedExperts(
            "shared_experts", width: .product(.key("n_shared_experts"), .key("moe_intermediate_size")),
            when: [.from("first_k_dense_replace"), .set("n_shared_experts")])
}

extension Hyperparameter {
    static func expertsAfterDenseLayers(normalized: Bool) -> [Hyperparameter] {
        Hyperparameter.experts(count: "n_routed_experts") + [
            Hyperparameter("first_k_dense_replace", "leading_dense_block_count", configDefault: .value(normalized ? 1 : 0), ggufDefault: .value(0)),
            Hyperparameter("n_shared_experts", "expert_shared_count", configDefault: .value(normalized ? 1 : 0)),
            Hyperparameter("routed_scaling_factor", "expert_weights_scale", kind: .number, configDefault: .value(1.0), ggufDefault: .value(1.0)),
            Hyperparameter("norm_topk_prob", "expert_weights_norm", kind: .flag, configDefault: .value(.bool(normalized)), ggufDefault: .value(false)),
        ]
    }
}
