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
    }

    /// The value if it is missing.
    package enum Default: Sendable {
        case required
        /// Not written: the other format has the same default.
        case omitted
        case value(JSONValue)
        /// The value of another key of config.json.
        case same(as: String)
        /// The head size: width / heads.
        case headSize
    }

    /// The key in config.json.
    package let config: String
    /// The keys in GGUF, without the architecture's prefix. All are written; the first is read.
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
        }
    }
}

extension Hyperparameter {
    /// The hyperparameters that all architectures here have in the same form.
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

    /// The head size. transformers' default is width / heads, as in GGUF loaders, or another number.
    package static func headSize(_ configDefault: Int? = nil) -> Hyperparameter {
        Hyperparameter(
            "head_dim", "attention.key_length", "attention.value_length",
            configDefault: configDefault.map { .value(JSONValue($0)) } ?? .omitted,
            ggufDefault: configDefault == nil ? .omitted : .headSize)
    }
}
