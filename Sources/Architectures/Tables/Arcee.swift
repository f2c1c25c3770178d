extension Architecture {
    /// Arcee's AFM: llama with squared ReLU in place of a gate.
    package static let arcee = Architecture(
        gguf: "arcee", modelTypes: ["arcee"], className: "ArceeForCausalLM",
        tensors: TensorRule.embeddingAndHead + TensorRule.norms + TensorRule.attention(interleaved: true, bias: .none, outputBias: .none)
            + TensorRule.plainFeedForward(),
        hyperparameters: Hyperparameter.decoder(context: 4096, epsilon: 1e-5, theta: 10000) + [.headSize()],
        features: [.ropeDimensions(partial: false), .ropeScaling],
        fixed: [("hidden_act", ["relu2"]), ("attention_bias", [false]), ("mlp_bias", [false])],
        forward: ForwardPass(.squaredReLU))
}
