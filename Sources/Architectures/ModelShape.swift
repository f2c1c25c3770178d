internal import QAMFormat

/// The dimensions in a model's config.json, which determine the shapes of its tensors.
package struct ModelShape: Sendable {
    package let vocabulary: Int
    /// The length of a token's vector.
    package let width: Int
    package let feedForward: Int
    package let layers: Int
    package let heads: Int
    package let keyValueHeads: Int
    package let headSize: Int

    package let architecture: Architecture
    package let config: ModelConfig

    /// Products of two counts up to this limit, and sums of a few such products, cannot overflow.
    private static let largest = 1 << 28

    /// Nil for an unknown architecture. Throws `malformed`, with file and key, for missing or implausible counts.
    package init?(_ config: ModelConfig) throws {
        guard let type = try config.text("model_type"), let architecture = Architecture.all.first(where: { $0.modelTypes.contains(type) })
        else { return nil }
        try self.init(architecture, config, ConfigValues(architecture, config))
    }

    package init(_ architecture: Architecture, _ config: ModelConfig, _ values: ConfigValues) throws {
        self.architecture = architecture
        self.config = config
        func count(_ key: String) throws -> Int {
            let count = try values.count(key)
            guard (1...Self.largest).contains(count) else { throw ModelConfig.fault("\"\(key)\" is \(count), which no model has") }
            return count
        }
        vocabulary = try count("vocab_size")
        width = try count("hidden_size")
        feedForward = try count("intermediate_size")
        layers = try count(Architecture.blockCountKey)
        heads = try count("num_attention_heads")
        keyValueHeads = try count("num_key_value_heads")
        guard heads % keyValueHeads == 0 else {
            throw ModelConfig.fault("\"num_key_value_heads\" (\(keyValueHeads)) does not divide \"num_attention_heads\" (\(heads))")
        }
        headSize = try values.headSize()
        guard (1...Self.largest).contains(headSize) else { throw ModelConfig.fault("\"head_dim\" is \(headSize), which no model has") }
    }

    package func count(_ heads: TensorRule.Heads) -> Int {
        switch heads {
        case .ofQueries: self.heads
        case .ofKeys: keyValueHeads
        }
    }

    /// A tensor's dimension.
    package func count(_ extent: TensorRule.Extent) -> Int {
        switch extent {
        case .vocabulary: vocabulary
        case .width: width
        case .feedForward: feedForward
        case .gateAndUp: 2 * feedForward
        case .queries: heads * headSize
        case .keys: keyValueHeads * headSize
        case .attention: (heads + 2 * keyValueHeads) * headSize
        case .head: headSize
        }
    }
}
