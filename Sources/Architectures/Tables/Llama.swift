extension Architecture {
    /// Llama 1 to 3.3 and models of the same architecture. Their rotary embedding in GGUF pairs neighbouring rows.
    package static let llama = Architecture(
        gguf: "llama", modelTypes: ["llama"], className: "LlamaForCausalLM",
        tensors: TensorRule.embeddingAndHead + TensorRule.norms + TensorRule.attention(interleaved: true, bias: .attention, outputBias: .output)
            + TensorRule.feedForward(bias: .flagged("mlp_bias")),
        hyperparameters: Hyperparameter.decoder(context: 2048, epsilon: 1e-6, theta: 10000) + [.headSize()],
        features: [
            .ropeDimensions(partial: false), .ropeScaling, .flag("attention_bias", tensor: "blk.0.attn_q.bias"), .flag("mlp_bias", tensor: "blk.0.ffn_up.bias"),
        ],
        fixed: [("hidden_act", ["silu", "swish"])],
        textDefaults: [("vocab_size", 32000), ("hidden_size", 4096), ("intermediate_size", 11008), ("num_hidden_layers", 32), ("num_attention_heads", 32)],
        forward: ForwardPass())
}
