extension Architecture {
    /// EXAONE 4: norms after attention and feed-forward; the 32B has sliding windows, and no rotary embedding in every fourth layer.
    package static let exaone4 = Architecture(
        gguf: "exaone4", modelTypes: ["exaone4"], className: "Exaone4ForCausalLM",
        tensors: TensorRule.embeddingAndHead + TensorRule.normsAfter + TensorRule.attention(interleaved: false, bias: .none, outputBias: .none)
            + TensorRule.queryAndKeyNorms() + TensorRule.feedForward(),
        hyperparameters: Hyperparameter.decoder(context: 2048, epsilon: 1e-5, theta: 10000, keyValueHeads: .value(32)) + [
            .headSize(),
            Hyperparameter("sliding_window", "attention.sliding_window", kind: .window, configDefault: .value(4096), ggufDefault: .value(.null)),
        ],
        features: [.ropeScaling, .layerTypes(assumed: 4, always: true), .heeded("sliding_window", inModelsOf: 64..<65)],
        fixed: [("hidden_act", ["silu", "swish"]), ("sliding_window_pattern", [4, "LLLG", 0])], headsFillWidth: true,
        forward: ForwardPass(windows: .allBut(every: 4), rotatesOnlyInWindows: true))
}
