extension Architecture {
    /// Qwen 1.5 and 2 with experts, one of which all tokens use.
    package static let qwen2MoE = Architecture(
        gguf: "qwen2moe", modelTypes: ["qwen2_moe"], className: "Qwen2MoeForCausalLM",
        tensors: TensorRule.embeddingAndHead + TensorRule.norms + TensorRule.attention(interleaved: false, bias: .flagged("qkv_bias"), outputBias: .none)
            + TensorRule.experts() + TensorRule.sharedExperts("shared_expert", width: .key("shared_expert_intermediate_size")) + [
                TensorRule("model.layers.#.mlp.shared_expert_gate", "blk.#.ffn_gate_inp_shexp", .number(1), .width)
            ],
        hyperparameters: Hyperparameter.decoder(context: 32768, epsilon: 1e-6, theta: 10000, keyValueHeads: .value(16)) + Hyperparameter.experts() + [
            .headSize(), Hyperparameter("shared_expert_intermediate_size", "expert_shared_feed_forward_length"),
        ],
        features: [.ropeScaling, .flag("qkv_bias", tensor: "blk.0.attn_q.bias")],
        defaults: [("qkv_bias", true)],
        fixed: [
            ("hidden_act", ["silu", "swish"]), ("use_sliding_window", [false]), ("norm_topk_prob", [false]), ("decoder_sparse_step", [1]),
            ("mlp_only_layers", [[]]),
        ],
        harmless: ["sliding_window", "max_window_layers", "layer_types", "router_aux_loss_coef"], headsFillWidth: true,
        forward: ForwardPass(routing: .init(.softmax, .asConfigured)))
}
