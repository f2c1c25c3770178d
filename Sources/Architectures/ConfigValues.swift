internal import QAMFormat

/// The numbers of config.json that an architecture uses, with transformers' defaults for missing ones.
package struct ConfigValues: Sendable {
    private let config: ModelConfig
    /// Keyed as in config.json.
    private var values: [String: JSONValue] = [:]

    /// Throws `malformed`, with file and key, if a required value is missing.
    package init(_ architecture: Architecture, _ config: ModelConfig) throws {
        self.config = config
        for hyperparameter in architecture.hyperparameters {
            if let value = try value(hyperparameter) { values[hyperparameter.config] = value }
        }
    }

    private func value(_ hyperparameter: Hyperparameter) throws -> JSONValue? {
        if let given = config[hyperparameter.config] { return given }
        if case .window = hyperparameter.kind, config.isNull(hyperparameter.config) { return .null }
        switch hyperparameter.configDefault {
        case .required: throw ModelConfig.fault("\"\(hyperparameter.config)\" is missing")
        case .omitted, .difference: return nil
        case .value(let standard): return standard
        case .same(let key): return JSONValue(try count(key))
        case .multiple(let factor, let key):
            let (product, isTooLarge) = factor.multipliedReportingOverflow(by: try count(key))
            guard !isTooLarge else { throw ModelConfig.fault("\"\(key)\" is too large") }
            return JSONValue(product)
        case .headSize: return JSONValue(try headSize())
        }
    }

    /// Nil if the value is missing and has no default.
    package subscript(key: String) -> JSONValue? { values[key] }

    package func count(_ key: String) throws -> Int {
        guard let value = values[key] else { throw ModelConfig.fault("\"\(key)\" is missing") }
        return Int(try config.count(value, key: key))
    }

    package func number(_ key: String) throws -> Double {
        guard let value = values[key] else { throw ModelConfig.fault("\"\(key)\" is missing") }
        return try config.number(value, key: key)
    }

    /// The head size: `head_dim`, or width / heads.
    package func headSize() throws -> Int {
        if values["head_dim"] != nil { return try count("head_dim") }
        let width = try count("hidden_size"), heads = try count("num_attention_heads")
        guard heads > 0, width % heads == 0 else { throw ModelConfig.fault("\"num_attention_heads\" (\(heads)) does not divide \"hidden_size\" (\(width))") }
        return width / heads
    }
}
