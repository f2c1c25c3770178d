extension Architecture {
    /// Qwen 3 without experts: norms on queries and keys, and an independent head size.
    package static let qwen3 = Architecture(
        gguf: "qwen3", modelTypes: ["qwen3"], className: "Qwen3ForCausalLM",
        tensors: TensorRule.embeddingAndHead + TensorRule.norms + TensorRule.attention(interleaved: false, bias: .attention, outputBias: .unloadableOutput)
            + TensorRule.queryAndKeyNorms() + TensorRule.feedForward(),
        hyperparameters: Hyperparameter.decoder(context: 32768, epsilon: 1e-6, theta: 10000) + [.headSize(128)],
        features: [.ropeScaling, .flag("attention_bias", tensor: "blk.0.attn_q.bias")],
        fixed: [("hidden_act", ["silu", "swish"]), ("use_sliding_window", [false])],
        harmless: ["sliding_window", "max_window_layers", "layer_types"],
        forward: ForwardPass(windows: .last))
}
