package import QAMFormat

/// Metadata added to the GGUF files written here, so that the conversion back is exact.
package enum OriginKeys {
    package static let prefix = "qamw.hf."
    /// `model_type` of config.json: a string.
    package static let modelType = prefix + "model_type"
    /// The original type of tensors that GGUF requires in F32: a string such as `BF16`. With the suffix `.NAME`, that of one tensor.
    package static let dtype = prefix + "dtype"
    /// With the suffix `.NAME`: the original elements of a tensor (u8), if they cannot be derived from GGUF's.
    package static let exact = prefix + "exact"
    /// Names of omitted copies of the embedding (strings).
    package static let tied = prefix + "tied"
    /// What precedes `layers` in the tensors' names, if it is not `model.` (string).
    package static let namePrefix = prefix + "name_prefix"
    /// The text of config.json (string).
    package static let config = prefix + "config"
    /// The text of generation_config.json (string).
    package static let generationConfig = prefix + "generation_config"

    /// Token ids in config.json and generation_config.json, with their keys in both formats. Our key stores the value of GGUF's key when
    /// the file was written, so that later edits are detected.
    package static let tokens = ["bos", "eos", "padding"].map {
        (ggml: "tokenizer.ggml.\($0)_token_id", origin: "\(prefix)\($0)_token_id", config: "\($0.prefix(3))_token_id")
    }

    /// Token ids that were edited in GGUF since the file was written, by their keys in config.json.
    package static func editedTokens(_ metadata: Metadata) throws -> [(key: String, id: Int)] {
        try tokens.compactMap { token in
            guard let value = metadata[token.ggml], value != metadata[token.origin] else { return nil }
            return (token.config, try value.count(key: token.ggml))
        }
    }
}
