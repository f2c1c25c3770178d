extension Architecture {
    /// Granite 3 with experts, whose gate and up are one matrix of each.
    package static let graniteMoE = Architecture(
        gguf: "granitemoe", modelTypes: ["granitemoe"], className: "GraniteMoeForCausalLM", tensors: graniteExperts,
        hyperparameters: graniteHyperparameters + [.headSize()] + Hyperparameter.experts(count: "num_local_experts", width: nil),
        features: [.ropeDimensions(partial: false), .ropeScaling, .flag("attention_bias", tensor: "blk.0.attn_q.bias")],
        fixed: [("hidden_act", ["silu", "swish"])], harmless: ["router_aux_loss_coef"],
        forward: ForwardPass(routing: .init(.softmax, .always)))

    /// The same with an expert that all tokens use.
    package static let graniteMoEShared = Architecture(
        gguf: "granitemoe", modelTypes: ["granitemoeshared"], className: "GraniteMoeSharedForCausalLM",
        tensors: graniteExperts
            + TensorRule.split(
                "model.layers.#.shared_mlp.input_linear", "blk.#.ffn_gate_shexp", "blk.#.ffn_up_shexp", width: .key("shared_intermediate_size")) + [
                TensorRule("model.layers.#.shared_mlp.output_linear", "blk.#.ffn_down_shexp", .width, .key("shared_intermediate_size"))
            ],
        hyperparameters: graniteHyperparameters + [.headSize(), Hyperparameter("shared_intermediate_size", "expert_shared_feed_forward_length")]
            + Hyperparameter.experts(count: "num_local_experts", width: nil),
        features: [.ropeDimensions(partial: false), .ropeScaling, .flag("attention_bias", tensor: "blk.0.attn_q.bias")],
        mark: "expert_shared_feed_forward_length",
        fixed: [("hidden_act", ["silu", "swish"])], harmless: ["router_aux_loss_coef"],
        forward: ForwardPass(routing: .init(.softmax, .always)))

    private static let graniteExperts =
        TensorRule.embeddingAndHead + TensorRule.norms + TensorRule.attention(interleaved: true, bias: .attention, outputBias: .output) + [
            TensorRule("model.layers.#.block_sparse_moe.router.layer", "blk.#.ffn_gate_inp", .key("num_local_experts"), .width),
            TensorRule(
                "model.layers.#.block_sparse_moe.output_linear", "blk.#.ffn_down_exps", .key("num_local_experts"), .width, .feedForward),
        ]
        + TensorRule.split(
            "model.layers.#.block_sparse_moe.input_linear", "blk.#.ffn_gate_exps", "blk.#.ffn_up_exps", experts: .key("num_local_experts"), width: .feedForward)
}
