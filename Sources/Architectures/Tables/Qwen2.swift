extension Architecture {
    /// Qwen 1.5, 2 and 2.5: biases on query, key and value.
    package static let qwen2 = Architecture(
        gguf: "qwen2", modelTypes: ["qwen2"], className: "Qwen2ForCausalLM",
        tensors: TensorRule.embeddingAndHead + TensorRule.norms + TensorRule.attention(interleaved: false, bias: .required, outputBias: .none)
            + TensorRule.feedForward(),
        hyperparameters: Hyperparameter.decoder(context: 32768, epsilon: 1e-6, theta: 10000) + [.headSize()],
        features: [.ropeScaling],
        fixed: [("hidden_act", ["silu", "swish"]), ("use_sliding_window", [false])],
        harmless: ["sliding_window", "max_window_layers", "layer_types"], headsFillWidth: true,
        forward: ForwardPass(windows: .last))
}
