extension Architecture {
    /// StarCoder 2: layer norms, biases everywhere, no gate.
    package static let starCoder2 = Architecture(
        gguf: "starcoder2", modelTypes: ["starcoder2"], className: "Starcoder2ForCausalLM",
        tensors: TensorRule.embeddingAndHead + TensorRule.norms(bias: .required)
            + TensorRule.attention(interleaved: false, bias: .required, outputBias: .required)
            + TensorRule.plainFeedForward("c_fc", "c_proj", bias: .required),
        hyperparameters: Hyperparameter.decoder(context: 4096, epsilon: 1e-5, theta: 10000, keyValueHeads: .value(2), norm: .layer),
        features: [.ropeScaling, .unusedWindow],
        names: [("layer_norm_eps", "norm_epsilon")],
        fixed: [("hidden_act", ["gelu_pytorch_tanh"]), ("use_bias", [true])], headsFillWidth: true)
}
