extension Architecture {
    /// Mistral 7B and successors of the same architecture. In GGUF they are `llama`, whose loaders do not support a window.
    package static let mistral = Architecture(
        gguf: "llama", modelTypes: ["mistral"], className: "MistralForCausalLM",
        tensors: TensorRule.embeddingAndHead + TensorRule.norms + TensorRule.attention(interleaved: true, bias: .none, outputBias: .none)
            + TensorRule.feedForward(),
        hyperparameters: Hyperparameter.decoder(context: 131_072, epsilon: 1e-6, theta: 10000) + [
            .headSize(),
            Hyperparameter("sliding_window", "attention.sliding_window", kind: .window, configDefault: .omitted, ggufDefault: .value(.null)),
        ],
        features: [.ropeDimensions(partial: false), .ropeScaling, .unusedWindow],
        fixed: [("hidden_act", ["silu", "swish"])],
        textDefaults: [
            ("vocab_size", 32000), ("hidden_size", 4096), ("intermediate_size", 14336), ("num_hidden_layers", 32), ("num_attention_heads", 32),
            ("num_key_value_heads", 8),
        ],
        forward: ForwardPass(windows: .all))
}
