extension Architecture {
    /// ERNIE 4.5 without experts: the rotary embedding pairs neighbouring rows in both worlds.
    package static let ernie45 = Architecture(
        gguf: "ernie4_5", modelTypes: ["ernie4_5"], className: "Ernie4_5ForCausalLM",
        tensors: TensorRule.embeddingAndHead + TensorRule.norms + TensorRule.attention(interleaved: false, bias: .none, outputBias: .none)
            + TensorRule.feedForward(),
        hyperparameters: Hyperparameter.decoder(context: 131_072, epsilon: 1e-5, theta: 500_000, keyValueHeads: .value(2)) + [.headSize(128)],
        features: [.ropeScaling],
        fixed: [("hidden_act", ["silu", "swish"]), ("use_bias", [false])],
        forward: ForwardPass(rotaryPairs: .neighbours))
}
