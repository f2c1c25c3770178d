/// The keys of DeepSeek V2 and V3.
extension Architecture {
    static func deepSeekHyperparameters(scoring: JSONValue) -> [Hyperparameter] {
        Hyperparameter.decoder(context: 2048, epsilon: 1e-6, theta: 10000).filter { $0.config != "num_key_value_heads" }
            + Hyperparameter.experts(count: "n_routed_experts") + [
                Hyperparameter("num_key_value_heads", configDefault: .same(as: "num_attention_heads"), ggufDefault: .same(as: "num_attention_heads")),
                Hyperparameter("q_lora_rank", "attention.q_lora_rank", configDefault: .omitted, ggufDefault: .value(.null)),
                Hyperparameter("kv_lora_rank", "attention.kv_lora_rank", configDefault: .value(512)),
                Hyperparameter("qk_rope_head_dim", "rope.dimension_count", configDefault: .value(64)),
                Hyperparameter("qk_nope_head_dim", configDefault: .value(128), ggufDefault: .difference("attention.key_length_mla", "rope.dimension_count")),
                Hyperparameter("v_head_dim", "attention.value_length_mla", configDefault: .value(128)),
                Hyperparameter("first_k_dense_replace", "leading_dense_block_count", configDefault: .value(0), ggufDefault: .value(0)),
                Hyperparameter("n_shared_experts", "expert_shared_count", configDefault: .value(0)),
                Hyperparameter("n_group", "expert_group_count", configDefault: .omitted, ggufDefault: .omitted),
                Hyperparameter("topk_group", "expert_group_used_count", configDefault: .omitted, ggufDefault: .omitted),
                Hyperparameter(
                    "routed_scaling_factor", "expert_weights_scale", kind: .number, configDefault: .value(1.0), ggufDefault: .value(1.0)),
                Hyperparameter("norm_topk_prob", "expert_weights_norm", kind: .flag, configDefault: .value(false), ggufDefault: .value(false)),
                Hyperparameter(
                    "scoring_func", "expert_gating_func", kind: .choice([("softmax", 1), ("sigmoid", 2)]), configDefault: .value(scoring),
                    ggufDefault: .value(scoring)),
            ]
    }

    static let deepSeekDerived: [(key: String, value: TensorRule.Extent)] = [
        ("attention.head_count_kv", .number(1)), ("attention.key_length", .sum(.key("kv_lora_rank"), .key("qk_rope_head_dim"))),
        ("attention.value_length", .key("kv_lora_rank")), ("attention.key_length_mla", .sum(.key("qk_nope_head_dim"), .key("qk_rope_head_dim"))),
    ]

    static let deepSeekFeatures: [Feature] = [.ropeScaling, .yarnMultiplier, .furtherLayers]

    static let deepSeekFixed: [(key: String, values: [JSONValue])] = [
        ("hidden_act", ["silu", "swish"]), ("attention_bias", [false]), ("mlp_bias", [false]), ("moe_layer_freq", [1]),
    ]

    static let deepSeekHarmless: Set<String> = [
        "aux_loss_alpha", "seq_aux", "ep_size", "head_dim", "qk_head_dim", "num_mtp_layers", "mlp_layer_types",
    ]
}
