extension Architecture {
    /// ERNIE 4.5 with experts after some dense layers.
    package static let ernie45MoE = Architecture(
        gguf: "ernie4_5-moe", modelTypes: ["ernie4_5_moe"], className: "Ernie4_5_MoeForCausalLM",
        tensors: TensorRule.embeddingAndHead + TensorRule.norms + TensorRule.attention(interleaved: false, bias: .none, outputBias: .none)
            + TensorRule.feedForward(when: [.before("moe_layer_start_index")])
            + TensorRule.experts(count: .key("moe_num_experts"), when: [.from("moe_layer_start_index")])
            + TensorRule.sharedExperts("shared_experts", width: shared, when: [.from("moe_layer_start_index"), .set("moe_num_shared_experts")]) + [
                TensorRule(
                    "model.layers.#.mlp.moe_statics.e_score_correction_bias", "blk.#.exp_probs_b.bias", .number(1), .key("moe_num_experts"),
                    when: [.from("moe_layer_start_index")], isWhole: true)
            ],
        hyperparameters: Hyperparameter.decoder(context: 131_072, epsilon: 1e-5, theta: 500_000, keyValueHeads: .value(4)) + [
            .headSize(), Hyperparameter("moe_layer_interval", "interleave_moe_layer_step", configDefault: .value(1)),
            Hyperparameter("moe_layer_start_index", "leading_dense_block_count", configDefault: .value(1), ggufDefault: .value(0)),
            Hyperparameter("moe_num_shared_experts", "expert_shared_count", configDefault: .value(2), ggufDefault: .value(0)),
        ] + Hyperparameter.experts(count: "moe_num_experts", used: "moe_k"),
        features: [.ropeScaling],
        derived: [("expert_shared_feed_forward_length", shared)],
        fixed: [("hidden_act", ["silu", "swish"]), ("use_bias", [false]), ("moe_layer_interval", [1])],
        harmless: ["router_aux_loss_coef", "moe_layer_end_index", "moe_norm_min", "moe_capacity", "moe_gate", "moe_use_aux_free"],
        forward: ForwardPass(rotaryPairs: .neighbours, routing: .init(.softmax, .always)))

    private static let shared = TensorRule.Extent.product(.key("moe_num_shared_experts"), .key("moe_intermediate_size"))
}
