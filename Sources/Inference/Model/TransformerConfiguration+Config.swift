package import Architectures
internal import QAMFormat

/// The forward pass of a model as its config.json says.
extension TransformerConfiguration {
    /// The shape of a model that can be run. Throws `unsupported` for another.
    package static func shape(_ config: ModelConfig) throws -> ModelShape {
        let type = try config.text("model_type") ?? ""
        guard let architecture = Architecture.all.first(where: { $0.modelTypes.contains(type) }), architecture.forward != nil,
            let shape = try ModelShape(config)
        else {
            let known = Architecture.all.filter { $0.forward != nil }.compactMap(\.modelTypes.first).sorted()
            throw ModelConfig.fault("models of type \"\(type)\" cannot be run; supported types are \(known.joined(separator: ", "))", .unsupported)
        }
        return shape
    }

    /// Keys that the forward pass follows although GGUF cannot say all of their values.
    private static let followed: Set = ["use_sliding_window", "tie_word_embeddings", "sliding_window_pattern", "norm_topk_prob", "layer_types"]

    /// - Throws: `unsupported` for a model whose forward pass differs from that of its architecture, `malformed` for values that are missing or of another
    ///   form.
    package init(_ shape: ModelShape) throws {
        let config = shape.config, architecture = shape.architecture
        guard let forward = architecture.forward else {
            throw ModelConfig.fault("models of type \"\(architecture.modelTypes[0])\" cannot be run", .unsupported)
        }
        for (key, values) in architecture.fixed where !Self.followed.contains(key) {
            guard let value = config[key], !values.contains(value) else { continue }
            throw ModelConfig.fault("models with \"\(key)\" \(JSONWriter.text(value)) cannot be run", .unsupported)
        }
        self.init(shape, normEpsilon: try shape.number(gguf: Hyperparameter.Norm.rms.rawValue) ?? 1e-6)
        activation = forward.activation
        latentAttention = try LatentAttention(shape)
        if let latentAttention {
            headWidth = try config.required("qk_nope_head_dim", shape) + latentAttention.rotatedWidth
            keyValueHeadCount = headCount
        }
        rotary = try Rotary(shape, latentAttention)
        if !forward.scalesWindows { windowRotary = Rotary(base: try shape.number(gguf: "rope.freq_base_swa") ?? rotary.base, width: rotary.width) }
        slidingWindow = try Self.slidingWindow(shape, forward.windows)
        rotatedLayers = try Self.rotatedLayers(shape, forward, slidingWindow)
        try addScales(shape, forward)
        experts = try forward.routing.map { try ExpertRouting(shape, $0) }
        // A head that is there although it is tied counts, as in transformers.
        head = !architecture.alwaysTied && config["tie_word_embeddings"] == false ? .own : .asFound
    }

    private mutating func addScales(_ shape: ModelShape, _ forward: ForwardPass) throws {
        attentionScale = try shape.number(gguf: "attention.scale")
        if let scalar = try shape.config["query_pre_attn_scalar"].map({ try shape.config.number($0, key: "query_pre_attn_scalar") }) {
            attentionScale = 1 / scalar.squareRoot()
        }
        if latentAttention != nil { attentionScale = try shape.yarnScale() / Double(headWidth).squareRoot() }
        attentionCap = try shape.number(gguf: "attn_logit_softcapping")
        logitCap = try shape.number(gguf: "final_logit_softcapping")
        embeddingScale = try forward.scalesEmbedding ? Double(width).squareRoot() : shape.number(gguf: "embedding_scale") ?? 1
        residualScale = try shape.number(gguf: "residual_scale") ?? 1
        // Granite's, by which logits are divided.
        logitScale = try 1 / (shape.number(gguf: "logit_scale") ?? 1)
    }

    /// What `layer_types` says, or what the architecture assumes.
    private static func slidingWindow(_ shape: ModelShape, _ windows: ForwardPass.Windows) throws -> SlidingWindow? {
        let config = shape.config
        guard windows != .none, windows != .last || config["use_sliding_window"] == true,
            let tokens = try shape.count(gguf: "attention.sliding_window") ?? config["sliding_window"].map({ Int(try config.count($0, key: "sliding_window")) })
        else { return nil }
        if case .array(let types)? = config["layer_types"] {
            let known: [JSONValue] = ["full_attention", "sliding_attention"]
            if let other = types.first(where: { !known.contains($0) }) {
                throw ModelConfig.fault("layers of type \(JSONWriter.text(other)) cannot be run", .unsupported)
            }
            return SlidingWindow(tokens: tokens, layers: .listed(types.map { $0 == "sliding_attention" }))
        }
        switch windows {
        case .none: return nil
        case .all: return SlidingWindow(tokens: tokens)
        case .last:
            return SlidingWindow(
                tokens: tokens, layers: .from(try config["max_window_layers"].map { Int(try config.count($0, key: "max_window_layers")) } ?? 28))
        case .allBut(let assumed):
            let pattern = config["sliding_window_pattern"] ?? config["_sliding_window_pattern"]
            return SlidingWindow(
                tokens: tokens, layers: .allBut(every: try pattern.map { Int(try config.count($0, key: "sliding_window_pattern")) } ?? assumed))
        }
    }

    private static func rotatedLayers(_ shape: ModelShape, _ forward: ForwardPass, _ window: SlidingWindow?) throws -> Layers? {
        if forward.rotatesOnlyInWindows { return window?.layers }
        for case .layersWithoutRotary(let period) in shape.architecture.features {
            guard case .array(let flags)? = shape.config["no_rope_layers"] else { return .allBut(every: period) }
            return .listed(try flags.map { try shape.config.count($0, key: "no_rope_layers") != 0 })
        }
        return nil
    }
}

extension LatentAttention {
    /// Nil for an architecture without.
    fileprivate init?(_ shape: ModelShape) throws {
        guard let latent = try shape.count(gguf: "attention.kv_lora_rank") else { return nil }
        self.init(
            queryWidth: try shape.count(gguf: "attention.q_lora_rank"), latentWidth: latent,
            rotatedWidth: try shape.config.required("qk_rope_head_dim", shape), valueWidth: try shape.config.required("v_head_dim", shape))
    }
}

extension ExpertRouting {
    fileprivate init(_ shape: ModelShape, _ routing: ForwardPass.Routing) throws {
        func count(_ key: String) throws -> Int {
            guard let count = try shape.count(gguf: key) else { throw ModelConfig.fault("the number of experts is missing") }
            return count
        }
        let isNormalized = routing.normalization == .always || shape.config["norm_topk_prob"] ?? shape.value(gguf: "expert_weights_norm") == true
        let groups = try shape.count(gguf: "expert_group_count") ?? 1
        self.init(
            count: try count("expert_count"), used: try count("expert_used_count"),
            width: try shape.count(gguf: "expert_feed_forward_length") ?? shape.feedForward, scores: routing.scores, isNormalized: isNormalized,
            scale: try shape.number(gguf: "expert_weights_scale") ?? 1, groups: groups, usedGroups: try shape.count(gguf: "expert_group_used_count") ?? groups,
            groupsByTwo: routing.groupsByTwo)
    }
}

extension ModelConfig {
    /// A count that the configuration has, or the architecture assumes. Throws `malformed` if there is none.
    fileprivate func required(_ key: String, _ shape: ModelShape) throws -> Int {
        let count = shape.count(TensorRule.Extent.key(key))
        guard count > 0 else { throw Self.fault("\"\(key)\" is missing or 0") }
        return count
    }
}
