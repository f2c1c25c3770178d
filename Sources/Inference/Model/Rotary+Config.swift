internal import Architectures
internal import QAMFormat

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

/// The rotary embedding as a model's config.json says, with transformers' defaults.
extension TransformerConfiguration.Rotary {
    init(_ shape: ModelShape, _ latent: LatentAttention?) throws {
        let config = shape.config, base = try shape.number(gguf: "rope.freq_base") ?? 10000
        self.init(
            base: base, width: try latent?.rotatedWidth ?? Self.width(shape),
            pairsNeighbours: latent != nil || shape.architecture.forward?.rotaryPairs == .neighbours)
        guard let scaling = config["rope_scaling"] else {
            guard !shape.architecture.features.contains(.scaledByDefault) || config["rope_parameters"] != nil else {
                throw ModelConfig.fault("\"rope_scaling\" is missing, and transformers scales all the same: say how")
            }
            return
        }
        let parameters = RopeParameters(scaling, shape)
        switch scaling["rope_type"] ?? scaling["type"] ?? .null {
        case "default": break
        case "linear": self.scaling = .linear(factor: try parameters.number("factor"))
        case "llama3":
            self.scaling = .llama3(
                factor: try parameters.number("factor"), lowFrequencyFactor: try parameters.number("low_freq_factor"),
                highFrequencyFactor: try parameters.number("high_freq_factor"), originalContext: try parameters.originalContext())
        case "yarn":
            self.scaling = .yarn(
                factor: try parameters.number("factor"), fastTurns: try parameters.number("beta_fast", or: 32),
                slowTurns: try parameters.number("beta_slow", or: 1),
                originalContext: try parameters.originalContext(), isTruncated: scaling["truncate"] != false)
            factor = try parameters.yarnFactor()
        case "longrope", "su":
            let context = try parameters.originalContext()
            self.scaling = .divided(short: try parameters.divisors("short_factor"), long: try parameters.divisors("long_factor"), originalContext: context)
            factor = try parameters.longFactor(original: context)
            let pairs = (width ?? shape.headSize) / 2
            guard case .divided(let short, let long, _) = self.scaling, short.count == pairs, long.count == pairs else {
                throw ModelConfig.fault("\"rope_scaling\" does not have \(pairs) factors, one for each pair of a head")
            }
        case let kind: throw ModelConfig.fault("the rotary scaling \(JSONWriter.text(kind)) is not supported", .unsupported)
        }
    }

    /// The rotated part of a head; nil for all of it.
    private static func width(_ shape: ModelShape) throws -> Int? {
        let config = shape.config, isPartial = shape.architecture.features.contains(.ropeDimensions(partial: true))
        if let share = try config["partial_rotary_factor"].map({ try config.number($0, key: "partial_rotary_factor") }) {
            guard (0...1).contains(share) else { throw ModelConfig.fault("\"partial_rotary_factor\" must be from 0 to 1") }
            guard share != 1 else { return nil }
            guard isPartial else {
                throw ModelConfig.fault("a partial rotary embedding is not supported in models of this type", .unsupported)
            }
            return Int(share * Double(shape.headSize))
        }
        return isPartial ? try config["rotary_dim"].map { Int(try config.count($0, key: "rotary_dim")) } : nil
    }
}

extension ModelShape {
    /// The factor of query-key products that YaRN has in latent attention.
    func yarnScale() throws -> Double {
        guard let scaling = config["rope_scaling"], scaling["rope_type"] ?? scaling["type"] == "yarn" else { return 1 }
        let parameters = RopeParameters(scaling, self)
        guard let share = try parameters.number(ifThere: "mscale_all_dim"), share != 0 else { return 1 }
        let scale = RopeParameters.yarnScale(try parameters.number("factor"), share)
        return scale * scale
    }
}

/// The numbers of `rope_scaling`.
private struct RopeParameters {
    private let scaling: JSONValue
    private let shape: ModelShape

    init(_ scaling: JSONValue, _ shape: ModelShape) { (self.scaling, self.shape) = (scaling, shape) }

    func number(ifThere key: String) throws -> Double? {
        guard let value = scaling[key], value != .null else { return nil }
        return try shape.config.number(value, key: "rope_scaling.\(key)")
    }

    func number(_ key: String, or other: Double? = nil) throws -> Double {
        guard let number = try number(ifThere: key) ?? other else { throw ModelConfig.fault("\"rope_scaling\" has no \"\(key)\"") }
        return number
    }

    private func maximalContext() throws -> Int {
        try shape.count(gguf: "context_length") ?? shape.config["max_position_embeddings"].map {
            Int(try shape.config.count($0, key: "max_position_embeddings"))
        } ?? 0
    }

    func originalContext() throws -> Int {
        let key = "original_max_position_embeddings"
        guard let value = [scaling[key], shape.config[key]].compactMap(\.self).first(where: { $0 != .null }) else { return try maximalContext() }
        return Int(try shape.config.count(value, key: key))
    }

    func divisors(_ key: String) throws -> [Double] { try shape.config.floats(scaling[key], key: "rope_scaling.\(key)").map(Double.init) }

    static func yarnScale(_ factor: Double, _ share: Double = 1) -> Double { factor > 1 ? 0.1 * share * log(factor) + 1 : 1 }

    func yarnFactor() throws -> Double {
        if let given = try number(ifThere: "attention_factor") { return given }
        let factor = try number("factor")
        guard let above = try number(ifThere: "mscale"), let below = try number(ifThere: "mscale_all_dim"), above != 0, below != 0 else {
            return Self.yarnScale(factor)
        }
        return Self.yarnScale(factor, above) / Self.yarnScale(factor, below)
    }

    func longFactor(original: Int) throws -> Double {
        if let given = try number(ifThere: "attention_factor") { return given }
        let factor = Double(try maximalContext()) / Double(max(1, original))
        return factor > 1 ? (1 + log(factor) / log(Double(original))).squareRoot() : 1
    }
}
