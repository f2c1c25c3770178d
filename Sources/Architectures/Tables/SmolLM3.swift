extension Architecture {
    /// SmolLM 3: every fourth layer has no rotary embedding.
    package static let smolLM3 = Architecture(
        gguf: "smollm3", modelTypes: ["smollm3"], className: "SmolLM3ForCausalLM",
        tensors: TensorRule.embeddingAndHead + TensorRule.norms + TensorRule.attention(interleaved: true, bias: .none, outputBias: .none)
            + TensorRule.feedForward(),
        hyperparameters: Hyperparameter.decoder(context: 32768, epsilon: 1e-6, theta: 2e6, keyValueHeads: .value(4)) + [.headSize()],
        features: [.ropeDimensions(partial: false), .ropeScaling, .layersWithoutRotary(every: 4)],
        fixed: [
            ("hidden_act", ["silu", "swish"]), ("no_rope_layer_interval", [4]), ("use_sliding_window", [false]), ("attention_bias", [false]),
            ("mlp_bias", [false]),
        ],
        harmless: ["sliding_window", "max_window_layers", "layer_types"],
        forward: ForwardPass())
}
