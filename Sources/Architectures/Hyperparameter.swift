package import QAMFormat

/// A number stored in both config.json and GGUF's metadata.
package struct Hyperparameter: Sendable {
    package enum Kind: Sendable {
        /// A non-negative integer: `u32` in GGUF.
        case count
        /// A count that is null in config.json and 0 in GGUF if there is no window.
        case window
        /// `f32` in GGUF.
        case number
        /// `bool` in GGUF.
        case flag
        /// One of these values, which are numbers in GGUF.
        case choice([(value: JSONValue, number: UInt32)])
    }

    /// The value if it is missing.
    package enum Default: Sendable {
        case required
        /// Not written: the other format has the same default.
        case omitted
        case value(JSONValue)
        /// The value of another key of config.json.
        case same(as: String)
        /// The value of another key of config.json, multiplied.
        case multiple(Int, of: String)
        /// The head size: width / heads.
        case headSize
        /// In GGUF, the difference of two other keys.
        case difference(String, String)
    }

    /// The key in config.json.
    package let config: String
    /// The keys in GGUF, without the architecture's prefix. All are written; the first is read. None if GGUF does not say it.
    package let keys: [String]
    package let kind: Kind
    /// transformers' default if config.json lacks the key.
    package let configDefault: Default
    /// GGUF loaders' default if the metadata lack the key.
    package let ggufDefault: Default

    package init(_ config: String, _ keys: String..., kind: Kind = .count, configDefault: Default = .required, ggufDefault: Default = .required) {
        self.config = config
        self.keys = keys
        self.kind = kind
        self.configDefault = configDefault
        self.ggufDefault = ggufDefault
    }

    /// The value for GGUF. Throws `malformed` if config.json's value has another form.
    package func metadataValue(_ value: JSONValue, _ config: ModelConfig) throws -> MetadataValue {
        switch kind {
        case .count, .window: .uint32(value == .null ? 0 : try config.count(value, key: self.config))
        case .number: .float32(try config.float(value, key: self.config))
        case .flag: .bool(try config.flag(value, key: self.config))
        case .choice(let choices):
            if let choice = choices.first(where: { $0.value == value }) {
                .uint32(choice.number)
            } else {
                throw ModelConfig.fault("\"\(self.config)\" is \(JSONWriter.text(value)), which loaders of GGUF do not know", .unsupported)
            }
        }
    }

    /// The value for config.json.
    package func configValue(_ value: MetadataValue, key: String) throws -> JSONValue {
        switch kind {
        case .count: return JSONValue(try value.count(key: key))
        case .window:
            let count = try value.count(key: key)
            return count == 0 ? .null : JSONValue(count)
        case .number: return .number(try value.shortest(key: key))
        case .flag:
            guard case .bool(let flag) = value else { throw QAMError(.malformed, "\"\(key)\" must be true or false", at: .init(section: "metadata")) }
            return .bool(flag)
        case .choice(let choices):
            let number = try value.count(key: key)
            guard let choice = choices.first(where: { $0.number == number }) else {
                throw QAMError(.unsupported, "\"\(key)\" is \(number), which \(config) of config.json cannot say", at: .init(section: "metadata"))
            }
            return choice.value
        }
    }
}

extension Hyperparameter {
    /// The kind of a model's norms; the raw value is GGUF's key of their epsilon.
    package enum Norm: String {
        case rms = "attention.layer_norm_rms_epsilon"
        case layer = "attention.layer_norm_epsilon"

        fileprivate var config: String {
            switch self {
            case .rms: "rms_norm_eps"
            case .layer: "layer_norm_eps"
            }
        }
    }

    /// The hyperparameters that all architectures here have in the same form.
    package static func decoder(
        context: Int, epsilon: Double, theta: Double?, vocabulary: Default = .required, heads: Default = .required,
        keyValueHeads: Default = .same(as: "num_attention_heads"), norm: Norm? = .rms, feedForward: Default = .required
    ) -> [Hyperparameter] {
        let common = [
            Hyperparameter("vocab_size", "vocab_size", configDefault: vocabulary, ggufDefault: .omitted),
            Hyperparameter("max_position_embeddings", "context_length", configDefault: .value(JSONValue(context))),
            Hyperparameter("hidden_size", "embedding_length"),
            Hyperparameter(Architecture.blockCountKey, "block_count"),
            Hyperparameter("intermediate_size", "feed_forward_length", configDefault: feedForward),
            Hyperparameter("num_attention_heads", "attention.head_count", configDefault: heads),
            Hyperparameter(
                "num_key_value_heads", "attention.head_count_kv",
                configDefault: keyValueHeads, ggufDefault: .same(as: "num_attention_heads")),
        ]
        let epsilons = norm.map { [Hyperparameter($0.config, $0.rawValue, kind: .number, configDefault: .value(.number(epsilon)))] } ?? []
        let bases = theta.map {
            [Hyperparameter("rope_theta", "rope.freq_base", kind: .number, configDefault: .value(.number($0)), ggufDefault: .value(.number(10000)))]
        }
        return common + epsilons + (bases ?? [])
    }

    /// The number of experts, of those that a token uses, and their width, if it is not that of other feed-forward layers.
    package static func experts(count: String = "num_experts", used: String = "num_experts_per_tok", width: String? = "moe_intermediate_size")
        -> [Hyperparameter]
    {
        [Hyperparameter(count, "expert_count"), Hyperparameter(used, "expert_used_count")]
            + (width.map { [Hyperparameter($0, "expert_feed_forward_length")] } ?? [])
    }

    /// The head size. transformers' default is width / heads, as in GGUF loaders, or another number.
    package static func headSize(_ configDefault: Int? = nil) -> Hyperparameter {
        Hyperparameter(
            "head_dim", "attention.key_length", "attention.value_length",
            configDefault: configDefault.map { .value(JSONValue($0)) } ?? .omitted,
            ggufDefault: configDefault == nil ? .omitted : .headSize)
    }
}
