extension Architecture {
    /// Command R and Aya: one norm for attention and feed-forward, which are parallel; norms of each head in Command R+.
    package static let cohere = Architecture(
        gguf: "command-r", modelTypes: ["cohere"], className: "CohereForCausalLM",
        tensors: cohereTensors
            + TensorRule.queryAndKeyNorms(
                query: [.key("num_attention_heads"), .head], key: [.key("num_key_value_heads"), .head], when: [.set("use_qk_norm")]),
        hyperparameters: Hyperparameter.decoder(context: 8192, epsilon: 1e-5, theta: 500_000, norm: .layer) + [logitScale],
        features: [.heeded("use_qk_norm", inModelsOf: 64..<1 << 16), .flag("use_qk_norm", tensor: "blk.0.attn_q_norm.weight")],
        fixed: [("hidden_act", ["silu", "swish"]), ("attention_bias", [false])],
        harmless: ["model_max_length"], alwaysTied: true, headsFillWidth: true)

    /// Command R7B and A: sliding windows, and in every fourth layer full attention without rotary embedding.
    package static let cohere2 = Architecture(
        gguf: "cohere2", modelTypes: ["cohere2"], className: "Cohere2ForCausalLM", tensors: cohereTensors,
        hyperparameters: Hyperparameter.decoder(context: 8192, epsilon: 1e-5, theta: 10000, norm: .layer) + [
            logitScale, .headSize(),
            Hyperparameter("sliding_window", "attention.sliding_window", kind: .window, configDefault: .value(4096)),
        ],
        features: [.ropeDimensions(partial: false), .layerTypes(assumed: 4, always: false)],
        fixed: [("hidden_act", ["silu", "swish"]), ("attention_bias", [false]), ("rotary_pct", [1.0, 1]), ("sliding_window_pattern", [4])],
        harmless: [
            "order_of_interleaved_layers", "position_embedding_type", "use_embedding_sharing", "use_gated_activation", "use_parallel_block",
            "use_parallel_embedding",
        ],
        alwaysTied: true, headsFillWidth: true)

    private static let cohereTensors =
        TensorRule.embeddingAndHead + [
            TensorRule("model.layers.#.input_layernorm", "blk.#.attn_norm", .width), TensorRule("model.norm", "output_norm", .width),
        ] + TensorRule.attention(interleaved: false, bias: .none, outputBias: .none) + TensorRule.feedForward()

    private static let logitScale = Hyperparameter("logit_scale", "logit_scale", kind: .number, configDefault: .value(0.0625))
}
