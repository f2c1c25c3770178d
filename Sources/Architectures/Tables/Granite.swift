extension Architecture {
    /// Granite 3: llama with multipliers of embedding, attention, residuals and logits.
    package static let granite = Architecture(
        gguf: "granite", modelTypes: ["granite"], className: "GraniteForCausalLM",
        tensors: TensorRule.embeddingAndHead + TensorRule.norms + TensorRule.attention(interleaved: true, bias: .attention, outputBias: .output)
            + TensorRule.feedForward(bias: .flagged("mlp_bias")),
        hyperparameters: graniteHyperparameters + [.headSize()],
        features: [
            .ropeDimensions(partial: false), .ropeScaling, .flag("attention_bias", tensor: "blk.0.attn_q.bias"), .flag("mlp_bias", tensor: "blk.0.ffn_up.bias"),
        ],
        fixed: [("hidden_act", ["silu", "swish"])],
        forward: ForwardPass())

    static let graniteHyperparameters =
        Hyperparameter.decoder(context: 2048, epsilon: 1e-6, theta: 10000) + [
            multiplier("embedding_multiplier", "embedding_scale"), multiplier("residual_multiplier", "residual_scale"),
            multiplier("attention_multiplier", "attention.scale"), multiplier("logits_scaling", "logit_scale"),
        ]

    private static func multiplier(_ name: String, _ key: String) -> Hyperparameter {
        Hyperparameter(name, key, kind: .number, configDefault: .value(1.0), ggufDefault: .omitted)
    }
}
