extension Architecture {
    /// Gemma 2: norms stored as the difference from 1, soft-capping, a sliding window in every other layer, a head that is always tied.
    package static let gemma2 = Architecture(
        gguf: "gemma2", modelTypes: ["gemma2"], className: "Gemma2ForCausalLM",
        tensors: TensorRule.embeddingAndHead + TensorRule.gemmaNorms + TensorRule.attention(interleaved: false, bias: .attention, outputBias: .unloadableOutput)
            + TensorRule.feedForward(),
        hyperparameters: Hyperparameter.decoder(context: 8192, epsilon: 1e-6, theta: 10000) + [
            .headSize(256),
            Hyperparameter("sliding_window", "attention.sliding_window", kind: .window, configDefault: .value(4096), ggufDefault: .value(4096)),
            Hyperparameter(
                "attn_logit_softcapping", "attn_logit_softcapping", kind: .number, configDefault: .value(50), ggufDefault: .value(50)),
            Hyperparameter(
                "final_logit_softcapping", "final_logit_softcapping", kind: .number, configDefault: .value(30), ggufDefault: .value(30)),
        ],
        features: [.queryScalar(layersOfWidthByHeads: 46), .flag("attention_bias", tensor: "blk.0.attn_q.bias")],
        fixed: [("hidden_activation", ["gelu_pytorch_tanh"])],
        harmless: ["hidden_act", "layer_types"], alwaysTied: true,
        forward: ForwardPass(.gelu, windows: .allBut(every: 2), scalesEmbedding: true))
}
