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
    private let values: ConfigValues

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
        self.values = values
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

    /// The value of the hyperparameter that has this key in GGUF, without the architecture's prefix; nil if the architecture or the configuration lacks it.
    package func value(gguf key: String) -> JSONValue? {
        guard let hyperparameter = architecture.hyperparameters.first(where: { $0.keys.contains(key) }) else { return nil }
        return values[hyperparameter.config].flatMap { $0 == .null ? nil : $0 }
    }

    /// The same as a number. Throws `malformed` for another value.
    package func number(gguf key: String) throws -> Double? { try value(gguf: key).map { try config.number($0, key: key) } }

    /// The same as a count. Throws `malformed` for another value.
    package func count(gguf key: String) throws -> Int? { try value(gguf: key).map { Int(try config.count($0, key: key)) } }

    /// The rule of the tensor that has this name in GGUF, without `blk.#.` and the ending; nil if the model has none, or none in this layer.
    package func rule(_ name: String, in layer: Int? = nil) -> TensorRule? {
        let name = layer == nil ? name : "blk.#.\(name)"
        return architecture.tensors.first { rule in
            (rule.gguf == name || rule.isWhole && rule.gguf.hasPrefix(name + ".")) && has(rule, in: layer)
        }
    }

    package func count(_ heads: TensorRule.Heads) -> Int {
        switch heads {
        case .ofQueries: self.heads
        case .ofKeys: keyValueHeads
        }
    }

    /// A tensor's dimension. Absurd numbers of a configuration make a dimension that no tensor has.
    package func count(_ extent: TensorRule.Extent) -> Int {
        switch extent {
        case .vocabulary: return vocabulary
        case .width: return width
        case .feedForward: return feedForward
        case .gateAndUp: return 2 * feedForward
        case .queries: return heads * headSize
        case .keys: return keyValueHeads * headSize
        case .attention: return (heads + 2 * keyValueHeads) * headSize
        case .head: return headSize
        case .number(let number): return number
        case .key(let key): return min(number(key), Self.largest)
        case .sum(let left, let right): return count(left).saturating(Int.addingReportingOverflow, count(right))
        case .difference(let left, let right): return max(0, count(left) - count(right))
        case .product(let left, let right): return count(left).saturating(Int.multipliedReportingOverflow, count(right))
        case .quotient(let left, let right): return count(left) / max(1, count(right))
        }
    }

    /// The number that a key has; 0 if it has none.
    private func number(_ key: String) -> Int { (try? values.count(key)) ?? config[key].flatMap { try? Int(config.count($0, key: key)) } ?? 0 }

    /// Whether a model of this configuration has the tensor in this layer.
    package func has(_ rule: TensorRule, in layer: Int?) -> Bool {
        rule.conditions.allSatisfy { condition in
            switch condition {
            case .set(let key): isSet(key)
            case .unset(let key): !isSet(key)
            case .before(let key): layer.map { $0 < number(key) } ?? true
            case .from(let key): layer.map { $0 >= number(key) } ?? true
            }
        }
    }

    private func isSet(_ key: String) -> Bool { ![nil, .null, false, 0].contains(values[key] ?? config[key]) }
}

extension Int {
    /// The result of an operation, or the largest number if that is none.
    fileprivate func saturating(_ operation: (Int) -> (Int) -> (partialValue: Int, overflow: Bool), _ other: Int) -> Int {
        let (value, isTooLarge) = operation(self)(other)
        return isTooLarge ? .max : value
    }
}
