extension Architecture {
    /// Phi 3, 3.5 and 4: query, key and value in one matrix, gate and up in another, rotary factors for long contexts.
    package static let phi3 = Architecture(
        gguf: "phi3", modelTypes: ["phi3"], className: "Phi3ForCausalLM",
        tensors: TensorRule.embeddingAndHead + TensorRule.norms + [
            TensorRule("model.layers.#.self_attn.qkv_proj", "blk.#.attn_qkv", .attention, .width),
            TensorRule("model.layers.#.self_attn.o_proj", "blk.#.attn_output", .width, .queries),
        ] + TensorRule.fusedFeedForward,
        hyperparameters: Hyperparameter.decoder(context: 4096, epsilon: 1e-5, theta: 10000) + [
            Hyperparameter(
                "original_max_position_embeddings", "rope.scaling.original_context_length",
                configDefault: .value(4096), ggufDefault: .same(as: "max_position_embeddings")),
            // Loaders distinguish Phi 4 from Phi 3 by a zero.
            Hyperparameter("sliding_window", "attention.sliding_window", kind: .window, configDefault: .value(.null), ggufDefault: .value(.null)),
        ],
        features: [.ropeDimensions(partial: true), .longRope, .unusedWindow],
        fixed: [("hidden_act", ["silu", "swish"])],
        // Both are 1 and unused in Phi 4.
        harmless: ["full_attn_mod", "interpolate_factor"], headsFillWidth: true,
        forward: ForwardPass(windows: .all))
}
