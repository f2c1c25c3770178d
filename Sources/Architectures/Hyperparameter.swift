package import QAMFormat

/// A number that config.json and GGUF's metadata both know.
package struct Hyperparameter: Sendable {
    package enum Kind: Sendable {
        /// An integer, not negative: `u32` in GGUF.
        case count
        /// The same, where GGUF has 0 for config.json's null.
        case window
        /// `f32` in GGUF.
        case number
    }

    /// What it is where it is not given.
    package enum Default: Sendable {
        /// It must be given.
        case required
        /// Nothing is written then: the other side has the same default.
        case omitted
        case value(JSONValue)
        /// What another key of config.json is.
        case same(as: String)
        /// The size of a head: width by heads.
        case headSize
    }

    /// The key in config.json.
    package let config: String
    /// The keys in GGUF, without the architecture's name before them. All are written, the first is read.
    package let keys: [String]
    package let kind: Kind
    /// What transformers takes where config.json does not say it.
    package let configDefault: Default
    /// What loaders of GGUF take where the metadata do not say it.
    package let ggufDefault: Default

    package init(_ config: String, _ keys: String..., kind: Kind = .count, configDefault: Default = .required, ggufDefault: Default = .required) {
        self.config = config
        self.keys = keys
        self.kind = kind
        self.configDefault = configDefault
        self.ggufDefault = ggufDefault
    }

    /// The value as GGUF has it. Throws where config.json has it in another form.
    package func metadataValue(_ value: JSONValue, _ config: ModelConfig) throws -> MetadataValue {
        switch kind {
        case .count, .window: .uint32(value == .null ? 0 : try config.count(value, key: self.config))
        case .number: .float32(try config.float(value, key: self.config))
        }
    }

    /// The value as config.json has it.
    package func configValue(_ value: MetadataValue, key: String) throws -> JSONValue {
        switch kind {
        case .count: return JSONValue(try value.count(key: key))
        case .window:
            let count = try value.count(key: key)
            return count == 0 ? .null : JSONValue(count)
        case .number: return .number(try value.shortest(key: key))
        }
    }
}

extension Hyperparameter {
    /// What every architecture here has in one form.
    package static func decoder(
        context: Int, epsilon: Double, theta: Double, vocabulary: Default = .required, heads: Default = .required,
        keyValueHeads: Default = .same(as: "num_attention_heads")
    ) -> [Hyperparameter] {
        [
            Hyperparameter("vocab_size", "vocab_size", configDefault: vocabulary, ggufDefault: .omitted),
            Hyperparameter("max_position_embeddings", "context_length", configDefault: .value(JSONValue(context))),
            Hyperparameter("hidden_size", "embedding_length"),
            Hyperparameter(Architecture.blockCountKey, "block_count"),
            Hyperparameter("intermediate_size", "feed_forward_length"),
            Hyperparameter("num_attention_heads", "attention.head_count", configDefault: heads),
            Hyperparameter(
                "num_key_value_heads", "attention.head_count_kv",
                configDefault: keyValueHeads, ggufDefault: .same(as: "num_attention_heads")),
            Hyperparameter(
                "rms_norm_eps", "attention.layer_norm_rms_epsilon", kind: .number, configDefault: .value(.number(epsilon))),
            Hyperparameter(
                "rope_theta", "rope.freq_base", kind: .number, configDefault: .value(.number(theta)), ggufDefault: .value(.number(10000))),
        ]
    }

    /// The size of a head, where transformers takes width by heads, as loaders of GGUF do, or another default.
    package static func headSize(_ configDefault: Int? = nil) -> Hyperparameter {
        Hyperparameter(
            "head_dim", "attention.key_length", "attention.value_length",
            configDefault: configDefault.map { .value(JSONValue($0)) } ?? .omitted,
            ggufDefault: configDefault == nil ? .omitted : .headSize)
    }
}
