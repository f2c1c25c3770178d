extension Architecture {
    /// Gemma 3's language model: norms stored as the difference from 1; five layers of six have a sliding window and a separate rotary
    /// base.
    package static let gemma3 = Architecture(
        gguf: "gemma3", modelTypes: ["gemma3_text"], className: "Gemma3ForCausalLM",
        tensors: TensorRule.embeddingAndHead + TensorRule.gemmaNorms + TensorRule.attention(interleaved: false, bias: .attention, outputBias: .unloadableOutput)
            + TensorRule.queryAndKeyNorms(.plusOne) + TensorRule.feedForward(),
        hyperparameters: Hyperparameter.decoder(
            context: 131_072, epsilon: 1e-6, theta: 1e6, vocabulary: .value(262_208), heads: .value(8), keyValueHeads: .value(4)
        ) + [
            .headSize(256),
            Hyperparameter("sliding_window", "attention.sliding_window", kind: .window, configDefault: .value(4096), ggufDefault: .value(.null)),
            Hyperparameter(
                "rope_local_base_freq", "rope.freq_base_swa", kind: .number, configDefault: .value(10000), ggufDefault: .value(10000)),
            Hyperparameter(
                "final_logit_softcapping", "final_logit_softcapping", kind: .number, configDefault: .omitted, ggufDefault: .value(.null)),
        ],
        features: [
            .ropeScaling, .slidingPattern(assumed: 6), .queryScalar(layersOfWidthByHeads: 62),
            .flag("attention_bias", tensor: "blk.0.attn_q.bias"),
        ],
        fixed: [("hidden_activation", ["gelu_pytorch_tanh"]), ("attn_logit_softcapping", [.null])],
        harmless: ["hidden_act"], textDefaults: [("hidden_size", 2304), ("intermediate_size", 9216), ("num_hidden_layers", 26)],
        forward: ForwardPass(.gelu, windows: .allBut(every: 6), scalesWindows: false, scalesEmbedding: true))
}
