internal import QAMFormat

extension Architecture {
    /// dots.llm1: Qwen 3's attention with DeepSeek's experts.
    package static let dots1 = Architecture(
        gguf: "dots1", modelTypes: ["dots1"], className: "Dots1ForCausalLM",
        tensors: TensorRule.embeddingAndHead + TensorRule.norms + TensorRule.attention(interleaved: false, bias: .none, outputBias: .none)
            + TensorRule.queryAndKeyNorms() + TensorRule.expertsAfterDenseLayers,
        hyperparameters: Hyperparameter.decoder(context: 2048, epsilon: 1e-6, theta: 10000) + [.headSize()]
            + Hyperparameter.expertsAfterDenseLayers(normalized: false) + [
                Hyperparameter("n_group", "expert_group_count", configDefault: .value(1), ggufDefault: .value(1)),
                Hyperparameter("topk_group", "expert_group_used_count", configDefault: .value(1), ggufDefault: .value(1)),
            ],
        features: [.ropeScaling, .unusedWindow], constants: [("expert_gating_func", .uint32(2))],
        fixed: [
            ("hidden_act", ["silu", "swish"]), ("attention_bias", [false]), ("scoring_func", ["sigmoid"]), ("topk_method", ["noaux_tc"]),
            ("tie_word_embeddings", [false]),
        ],
        harmless: ["max_window_layers", "layer_types"],
        forward: ForwardPass(windows: .all, routing: .init(.sigmoid, .asConfigured, groupsByTwo: true)))
}
