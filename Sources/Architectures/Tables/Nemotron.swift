extension Architecture {
    /// Nemotron 3 and 4, Minitron: layer norms stored as the difference from 1, squared ReLU without a gate.
    package static let nemotron = Architecture(
        gguf: "nemotron", modelTypes: ["nemotron"], className: "NemotronForCausalLM",
        tensors: TensorRule.embeddingAndHead + TensorRule.norms(change: .plusOne, bias: .required)
            + TensorRule.attention(interleaved: false, bias: .none, outputBias: .none) + TensorRule.plainFeedForward(),
        hyperparameters: Hyperparameter.decoder(context: 4096, epsilon: 1e-5, theta: 10000, norm: .layer) + [.headSize()],
        features: [.ropeDimensions(partial: true), .ropeScaling],
        names: [("layer_norm_eps", "norm_eps")], defaults: [("partial_rotary_factor", 0.5)],
        fixed: [("hidden_act", ["relu2"]), ("attention_bias", [false]), ("mlp_bias", [false]), ("tie_word_embeddings", [false])], headsFillWidth: true)
}
