package import QAMFormat

/// Metadata that a GGUF of ours has beside what peers write, so that the way back is exact.
package enum OriginKeys {
    package static let prefix = "qamw.hf."
    /// `model_type` of config.json: a string.
    package static let modelType = prefix + "model_type"
    /// The type that tensors had which GGUF wants in F32: a string as `BF16`; with `.NAME` behind it that of one tensor.
    package static let dtype = prefix + "dtype"
    /// With `.NAME` behind it: a tensor's elements as they were (u8), where they do not follow from what GGUF has.
    package static let exact = prefix + "exact"
    /// Names of copies of the embedding that were left out (strings).
    package static let tied = prefix + "tied"
    /// The text of config.json (string).
    package static let config = prefix + "config"
    /// The text of generation_config.json (string).
    package static let generationConfig = prefix + "generation_config"

    /// Tokens that config.json and generation_config.json name by their ids, in either world: ours keeps what GGUF's key was when the file was
    /// written, and so tells whether it has been edited since.
    package static let tokens = ["bos", "eos", "padding"].map {
        (ggml: "tokenizer.ggml.\($0)_token_id", origin: "\(prefix)\($0)_token_id", config: "\($0.prefix(3))_token_id")
    }

    /// The ids of tokens that GGUF's keys have got since the file was written, by their keys in config.json.
    package static func editedTokens(_ metadata: Metadata) throws -> [(key: String, id: Int)] {
        try tokens.compactMap { token in
            guard let value = metadata[token.ggml], value != metadata[token.origin] else { return nil }
            return (token.config, try value.count(key: token.ggml))
        }
    }
}
