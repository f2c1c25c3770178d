extension Architecture {
    /// Gemma 1: norms stored as the difference from 1, a head that is always tied.
    package static let gemma = Architecture(
        gguf: "gemma", modelTypes: ["gemma"], className: "GemmaForCausalLM",
        tensors: TensorRule.embeddingAndHead + TensorRule.norms(change: .plusOne)
            + TensorRule.attention(interleaved: false, bias: .attention, outputBias: .unloadableOutput) + TensorRule.feedForward(),
        hyperparameters: Hyperparameter.decoder(context: 8192, epsilon: 1e-6, theta: 10000) + [.headSize(256)],
        features: [.flag("attention_bias", tensor: "blk.0.attn_q.bias")],
        // transformers computes with the tanh form where the key is missing, whatever `hidden_act` says.
        fixed: [("hidden_activation", ["gelu_pytorch_tanh"])],
        harmless: ["hidden_act"], alwaysTied: true,
        forward: ForwardPass(.gelu, scalesEmbedding: true))
}
