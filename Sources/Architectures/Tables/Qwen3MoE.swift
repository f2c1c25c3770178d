extension Architecture {
    /// Qwen 3 with experts.
    package static let qwen3MoE = Architecture(
        gguf: "qwen3moe", modelTypes: ["qwen3_moe"], className: "Qwen3MoeForCausalLM",
        tensors: TensorRule.embeddingAndHead + TensorRule.norms + TensorRule.attention(interleaved: false, bias: .none, outputBias: .none)
            + TensorRule.queryAndKeyNorms() + TensorRule.experts(),
        hyperparameters: Hyperparameter.decoder(context: 32768, epsilon: 1e-6, theta: 10000, keyValueHeads: .value(4)) + [.headSize()]
            + Hyperparameter.experts(),
        features: [.ropeScaling],
        synonyms: [("num_experts", "num_local_experts")], defaults: [("norm_topk_prob", false)],
        fixed: [
            ("hidden_act", ["silu", "swish"]), ("use_sliding_window", [false]), ("attention_bias", [false]), ("norm_topk_prob", [true]),
            ("decoder_sparse_step", [1]), ("mlp_only_layers", [[]]),
        ],
        harmless: ["sliding_window", "max_window_layers", "layer_types", "router_aux_loss_coef"],
        forward: ForwardPass(routing: .init(.softmax, .asConfigured)))
}
