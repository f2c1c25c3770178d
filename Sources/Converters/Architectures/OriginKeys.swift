import QAMFormat

/// Metadata that a GGUF of ours has beside what peers write, so that the way back is exact.
enum OriginKeys {
    static let prefix = "qamw.hf."
    /// `model_type` of config.json: a string.
    static let modelType = prefix + "model_type"
    /// The type that tensors had which GGUF wants in F32: a string as `BF16`; with `.NAME` behind it that of one tensor.
    static let dtype = prefix + "dtype"
    /// With `.NAME` behind it: a tensor's elements as they were (u8), where they do not follow from what GGUF has.
    static let exact = prefix + "exact"
    /// Names of copies of the embedding that were left out (strings).
    static let tied = prefix + "tied"
    /// `rope_scaling` of config.json, as JSON.
    static let ropeScaling = prefix + "rope_scaling"
}
