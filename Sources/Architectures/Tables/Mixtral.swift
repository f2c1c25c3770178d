extension Architecture {
    /// Mixtral: in GGUF a `llama` with experts.
    package static let mixtral = Architecture(
        gguf: "llama", modelTypes: ["mixtral"], className: "MixtralForCausalLM",
        tensors: TensorRule.embeddingAndHead + TensorRule.norms + TensorRule.attention(interleaved: true, bias: .none, outputBias: .none)
            + TensorRule.experts("block_sparse_moe", gate: "w1", up: "w3", down: "w2", count: .key("num_local_experts"), width: .feedForward),
        hyperparameters: Hyperparameter.decoder(context: 131_072, epsilon: 1e-5, theta: 1e6, keyValueHeads: .value(8)) + [.headSize()]
            + Hyperparameter.experts(count: "num_local_experts", width: nil),
        features: [.ropeDimensions(partial: false), .ropeScaling, .unusedWindow],
        fixed: [("hidden_act", ["silu", "swish"])], harmless: ["router_aux_loss_coef", "router_jitter_noise"],
        forward: ForwardPass(windows: .all, routing: .init(.softmax, .always)))
}
