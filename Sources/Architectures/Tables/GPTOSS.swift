extension Architecture {
    /// gpt-oss: sinks, biases everywhere, a window in every other layer, and experts whose gate and up alternate and whose matrices are transposed.
    package static let gptOSS = Architecture(
        gguf: "gpt-oss", modelTypes: ["gpt_oss"], className: "GptOssForCausalLM",
        tensors: TensorRule.embeddingAndHead + TensorRule.attention(interleaved: false, bias: .required, outputBias: .required) + [
            TensorRule("model.layers.#.input_layernorm", "blk.#.attn_norm", .width),
            TensorRule("model.layers.#.post_attention_layernorm", "blk.#.post_attention_norm", .width),
            TensorRule("model.norm", "output_norm", .width),
            TensorRule("model.layers.#.self_attn.sinks", "blk.#.attn_sinks.weight", .key("num_attention_heads"), isWhole: true),
            TensorRule("model.layers.#.mlp.router", "blk.#.ffn_gate_inp", experts, .width, bias: .required),
            TensorRule(
                "model.layers.#.mlp.experts.down_proj", "blk.#.ffn_down_exps.weight", experts, .width, .feedForward,
                change: .arranged([Arrangement([experts, .feedForward, .width], order: [0, 2, 1])], from: [experts, .feedForward, .width]), isWhole: true),
            TensorRule("model.layers.#.mlp.experts.down_proj_bias", "blk.#.ffn_down_exps.bias", experts, .width, isWhole: true),
        ] + alternating("gate", 0) + alternating("up", 1),
        hyperparameters: Hyperparameter.decoder(context: 131_072, epsilon: 1e-5, theta: 150_000, keyValueHeads: .value(8)) + [
            .headSize(64), Hyperparameter("sliding_window", "attention.sliding_window", kind: .window, configDefault: .value(128)),
        ] + Hyperparameter.experts(count: "num_local_experts", width: nil),
        features: [.ropeScaling, .scaledByDefault, .layerTypes(assumed: 2, always: false)],
        derived: [("expert_feed_forward_length", .feedForward)],
        fixed: [("hidden_act", ["silu", "swish"]), ("attention_bias", [true]), ("swiglu_limit", [7.0, 7]), ("swiglu_alpha", [1.702])],
        harmless: ["router_aux_loss_coef", "experts_per_token", "initial_context_length"],
        forward: ForwardPass(.clampedGate, windows: .allBut(every: 2), routing: .init(.softmax, .always)))

    private static let experts = TensorRule.Extent.key("num_local_experts")

    /// One of gate and up, whose columns alternate in Hugging Face.
    private static func alternating(_ name: String, _ place: Int) -> [TensorRule] {
        let two = TensorRule.Extent.number(2), both = TensorRule.Extent.gateAndUp
        func part(_ axis: Int) -> Arrangement.Part { Arrangement.Part(axis: axis, start: .number(place), count: .number(1)) }
        return [
            TensorRule(
                "model.layers.#.mlp.experts.gate_up_proj", "blk.#.ffn_\(name)_exps.weight", experts, .feedForward, .width,
                change: .arranged(
                    [Arrangement([experts, .width, .feedForward, two], order: [0, 2, 3, 1], part: part(3))], from: [experts, .width, both]), isWhole: true),
            TensorRule(
                "model.layers.#.mlp.experts.gate_up_proj_bias", "blk.#.ffn_\(name)_exps.bias", experts, .feedForward,
                change: .arranged([Arrangement([experts, .feedForward, two], part: part(2))], from: [experts, both]), isWhole: true),
        ]
    }
}
