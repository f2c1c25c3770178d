internal import QAMFormat

extension Architecture {
    /// MiniMax M2: experts with a bias of their choice, norms of all queries and all keys together, and a rotary embedding of a part of each head.
    package static let miniMaxM2 = Architecture(
        gguf: "minimax-m2", modelTypes: ["minimax_m2"], className: "MiniMaxM2ForCausalLM",
        tensors: TensorRule.embeddingAndHead + TensorRule.norms + TensorRule.attention(interleaved: false, bias: .none, outputBias: .none)
            + TensorRule.queryAndKeyNorms(query: [.queries], key: [.keys])
            + TensorRule.experts("block_sparse_moe", gate: "w1", up: "w3", down: "w2", count: .key("num_local_experts"), width: .feedForward) + [
                TensorRule(
                    "model.layers.#.block_sparse_moe.e_score_correction_bias", "blk.#.exp_probs_b.bias", .key("num_local_experts"), isWhole: true)
            ],
        hyperparameters: Hyperparameter.decoder(context: 196_608, epsilon: 1e-6, theta: 5e6, keyValueHeads: .value(8)) + [.headSize(128)]
            + Hyperparameter.experts(count: "num_local_experts", width: nil),
        features: [.ropeDimensions(partial: true), .ropeScaling],
        constants: [("expert_gating_func", .uint32(2))],
        derived: [("expert_feed_forward_length", .feedForward)],
        fixed: [
            ("hidden_act", ["silu", "swish"]), ("scoring_func", ["sigmoid"]), ("use_routing_bias", [true]), ("use_qk_norm", [true]),
            ("qk_norm_type", ["per_layer"]), ("shared_intermediate_size", [0]), ("tie_word_embeddings", [false]),
        ],
        harmless: [
            "router_aux_loss_coef", "router_jitter_noise", "attn_type_list", "layernorm_full_attention_beta", "layernorm_linear_attention_beta",
            "layernorm_mlp_beta", "mlp_intermediate_size", "use_mtp", "num_mtp_modules", "mtp_transformer_layers",
        ],
        forward: ForwardPass(routing: .init(.sigmoid, .always)))
}
