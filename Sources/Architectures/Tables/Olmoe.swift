extension Architecture {
    /// OLMoE: experts, and norms of all queries and all keys together.
    package static let olmoe = Architecture(
        gguf: "olmoe", modelTypes: ["olmoe"], className: "OlmoeForCausalLM",
        tensors: TensorRule.embeddingAndHead + TensorRule.norms + TensorRule.attention(interleaved: false, bias: .none, outputBias: .none)
            + TensorRule.queryAndKeyNorms(query: [.queries], key: [.keys]) + TensorRule.experts(width: .feedForward),
        hyperparameters: Hyperparameter.decoder(context: 4096, epsilon: 1e-5, theta: 10000) + Hyperparameter.experts(width: nil) + [.headSize()],
        features: [.ropeScaling],
        fixed: [
            ("hidden_act", ["silu", "swish"]), ("attention_bias", [false]), ("norm_topk_prob", [false]), ("clip_qkv", [.null]),
            ("tie_word_embeddings", [false]),
        ],
        harmless: ["router_aux_loss_coef"], headsFillWidth: true,
        forward: ForwardPass(routing: .init(.softmax, .asConfigured)))
}
