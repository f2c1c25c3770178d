extension Architecture {
    /// OLMo 2: norms after attention and feed-forward, and of all queries and all keys together.
    package static let olmo2 = Architecture(
        gguf: "olmo2", modelTypes: ["olmo2"], className: "Olmo2ForCausalLM", tensors: olmo2Tensors,
        hyperparameters: Hyperparameter.decoder(context: 2048, epsilon: 1e-5, theta: 500_000) + [.headSize()],
        features: [.ropeScaling],
        fixed: [("hidden_act", ["silu", "swish"]), ("attention_bias", [false]), ("tie_word_embeddings", [false])], headsFillWidth: true,
        forward: ForwardPass())

    /// OLMo 3: OLMo 2 with sliding windows.
    package static let olmo3 = Architecture(
        gguf: "olmo2", modelTypes: ["olmo3"], className: "Olmo3ForCausalLM", tensors: olmo2Tensors,
        hyperparameters: Hyperparameter.decoder(context: 2048, epsilon: 1e-5, theta: 500_000) + [
            .headSize(),
            Hyperparameter("sliding_window", "attention.sliding_window", kind: .window, configDefault: .value(4096)),
            Hyperparameter("rope_local_base_freq", "rope.freq_base_swa", kind: .number, configDefault: .omitted, ggufDefault: .omitted),
        ],
        features: [.ropeScaling, .layerTypes(assumed: 4, always: true)],
        mark: "attention.sliding_window",
        fixed: [("hidden_act", ["silu", "swish"]), ("attention_bias", [false]), ("tie_word_embeddings", [false])], headsFillWidth: true,
        forward: ForwardPass(windows: .allBut(every: 4), scalesWindows: false))

    private static let olmo2Tensors =
        TensorRule.embeddingAndHead + TensorRule.normsAfter + TensorRule.attention(interleaved: false, bias: .none, outputBias: .none)
        + TensorRule.queryAndKeyNorms(query: [.queries], key: [.keys]) + TensorRule.feedForward()
}
