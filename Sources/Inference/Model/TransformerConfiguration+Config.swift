package import Architectures
internal import QAMFormat

/// The shape of a model as its config.json says.
extension TransformerConfiguration {
    /// The families whose forward pass is known.
    private static let families = ["llama", "mistral", "qwen2", "qwen3"]

    /// The counts of a model of a family that can be run. Throws `unsupported` for another.
    package static func shape(_ config: ModelConfig) throws -> ModelShape {
        let family = try config.text("model_type") ?? ""
        guard families.contains(family), let shape = try ModelShape(config) else {
            throw ModelConfig.fault(
                "models of type \"\(family)\" cannot be run; supported types are \(families.joined(separator: ", "))", .unsupported)
        }
        return shape
    }

    /// - Throws: `unsupported` for another activation or kind of rotary embedding, `malformed` for values that are missing or of another form.
    package init(_ config: ModelConfig, _ shape: ModelShape) throws {
        if let activation = try config.text("hidden_act"), !["silu", "swish"].contains(activation) {
            throw ModelConfig.fault("the activation \"\(activation)\" is not supported", .unsupported)
        }
        self.init(
            vocabularySize: shape.vocabulary, width: shape.width, feedForwardWidth: shape.feedForward, layerCount: shape.layers, headCount: shape.heads,
            keyValueHeadCount: shape.keyValueHeads, headWidth: shape.headSize,
            normEpsilon: try config["rms_norm_eps"].map { try config.number($0, key: "rms_norm_eps") } ?? 1e-6)
        rotary = try Rotary(config)
        slidingWindow = try Self.slidingWindow(config, config.text("model_type") ?? "")
        // A head that is there although it is tied counts, as in transformers.
        head = config["tie_word_embeddings"] == false ? .own : .asFound
    }

    /// The layers that slide are the last ones of a model: all of a mistral, those from `max_window_layers` of a Qwen, which carries a
    /// window that it does not use unless it says so; or what `layer_types` says.
    private static func slidingWindow(_ config: ModelConfig, _ family: String) throws -> SlidingWindow? {
        let isUsed = family == "mistral" || family.hasPrefix("qwen") && config["use_sliding_window"] == true
        guard isUsed, config["sliding_window"] != nil else { return nil }
        let window = SlidingWindow(
            tokens: try config.count("sliding_window"), firstLayer: family == "mistral" ? 0 : try config.count("max_window_layers", or: 28))
        guard case .array(let types)? = config["layer_types"] else { return window }
        let first = types.firstIndex { $0 != "full_attention" } ?? types.count
        guard types[first...].allSatisfy({ $0 == "sliding_attention" }) else {
            throw ModelConfig.fault("full attention in layers after sliding-window layers is not supported", .unsupported)
        }
        return SlidingWindow(tokens: window.tokens, firstLayer: first)
    }
}

extension TransformerConfiguration.Rotary {
    init(_ config: ModelConfig) throws {
        if let share = config["partial_rotary_factor"], try config.number(share, key: "partial_rotary_factor") != 1 {
            throw ModelConfig.fault("partial rotary embedding is not supported", .unsupported)
        }
        let base = try config["rope_theta"].map { try config.number($0, key: "rope_theta") } ?? 10000
        guard let scaling = config["rope_scaling"] else {
            self.init(base: base)
            return
        }
        func number(_ key: String) throws -> Double {
            guard let value = scaling[key] else { throw ModelConfig.fault("\"rope_scaling\" has no \"\(key)\"") }
            return try config.number(value, key: key)
        }
        func count(_ key: String) throws -> Int {
            guard let value = scaling[key] else { throw ModelConfig.fault("\"rope_scaling\" has no \"\(key)\"") }
            return Int(try config.count(value, key: key))
        }
        let kind = scaling["rope_type"] ?? scaling["type"] ?? .null
        switch kind {
        case "default": self.init(base: base)
        case "linear": self.init(base: base, scaling: .linear(factor: try number("factor")))
        case "llama3":
            self.init(
                base: base,
                scaling: .llama3(
                    factor: try number("factor"), lowFrequencyFactor: try number("low_freq_factor"), highFrequencyFactor: try number("high_freq_factor"),
                    originalContext: try count("original_max_position_embeddings")))
        default: throw ModelConfig.fault("the rotary scaling \(JSONWriter.text(kind)) is not supported", .unsupported)
        }
    }
}

extension ModelConfig {
    fileprivate func count(_ key: String, or other: Int? = nil) throws -> Int {
        guard let value = self[key] else {
            guard let other else { throw Self.fault("\"\(key)\" is missing") }
            return other
        }
        return Int(try count(value, key: key))
    }
}
