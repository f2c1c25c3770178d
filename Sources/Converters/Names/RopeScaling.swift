import Architectures
import QAMFormat

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Converts `rope_scaling` of config.json to GGUF's keys.
struct RopeScaling {
    let kind: String
    /// What GGUF cannot represent, or loaders ignore.
    private(set) var warnings: [String] = []

    private let json: JSONValue
    private let config: ModelConfig

    /// Throws `malformed`, with file and key, for a missing type or invalid numbers.
    init(_ json: JSONValue, _ config: ModelConfig) throws {
        guard case .string(let kind)? = json["rope_type"] ?? json["type"] else { throw ModelConfig.fault("\"rope_scaling.rope_type\" is missing") }
        self.kind = kind
        self.json = json
        self.config = config
        warnings = try findings()
    }

    /// A factor for each frequency, stored in tensors by some architectures.
    var isLong: Bool { kind == "longrope" || kind == "su" }

    var notSaid: String {
        "\(ModelConfig.name): GGUF cannot express \"rope_scaling\" of the kind \"\(kind)\" for this architecture; loaders compute without it, so results differ"
    }

    func number(_ key: String) throws -> Double? {
        guard let value = json[key], value != .null else { return nil }
        return Double(try config.float(value, key: "rope_scaling.\(key)"))
    }

    private func factor() throws -> Double {
        guard let factor = try number("factor") else { throw ModelConfig.fault("\"rope_scaling.factor\" is missing") }
        guard factor > 0 else { throw ModelConfig.fault("\"rope_scaling.factor\" must be positive, not \(factor)") }
        return factor
    }

    /// Keys lack the architecture's prefix; `context` is `max_position_embeddings`.
    func entries(context: Int) throws -> [(key: String, value: MetadataValue)] {
        switch kind {
        case "linear": return [("rope.scaling.type", .string(kind)), ("rope.scaling.factor", .float32(Float(try factor())))]
        case "yarn":
            let original = try json["original_max_position_embeddings"].map { try config.count($0, key: "rope_scaling.original_max_position_embeddings") }
            var entries: [(String, MetadataValue)] = [
                ("rope.scaling.type", .string(kind)), ("rope.scaling.factor", .float32(Float(try factor()))),
                ("rope.scaling.original_context_length", .uint32(original ?? UInt32(truncatingIfNeeded: context))),
            ]
            let attention = try yarnAttentionFactor() / Self.yarnScale(try factor())
            if Float(attention) != 1 { entries.append((Self.attentionKey, .float32(Float(attention)))) }
            for (name, key, _) in Self.yarnNumbers {
                if let value = try number(name) { entries.append((key, .float32(Float(value)))) }
            }
            return entries
        default: return []
        }
    }

    /// The factor applied to rotated queries and keys, as in transformers.
    private func yarnAttentionFactor() throws -> Double {
        let factor = try factor()
        if let attention = try number("attention_factor") {
            guard attention > 0 else { throw ModelConfig.fault("\"rope_scaling.attention_factor\" must be positive, not \(attention)") }
            return attention
        }
        guard let above = try number("mscale"), let below = try number("mscale_all_dim"), above != 0, below != 0 else { return Self.yarnScale(factor) }
        let attention = Self.yarnScale(factor, above) / Self.yarnScale(factor, below)
        guard attention > 0, attention.isFinite else { throw ModelConfig.fault("\"rope_scaling.mscale\" and \"mscale_all_dim\" make no sense") }
        return attention
    }

    /// yarn's `mscale_all_dim`, which loaders of some architectures take for `mscale` too; nil if there is none.
    func sharedMultiplier() throws -> Double? {
        guard kind == "yarn", let share = try number("mscale_all_dim") else { return nil }
        guard try number("mscale") ?? 1 == share else {
            throw ModelConfig.fault("\"rope_scaling.mscale\" and \"mscale_all_dim\" differ, which GGUF cannot say for this architecture", .unsupported)
        }
        return share
    }

    static let multiplierKey = "rope.scaling.yarn_log_multiplier"

    /// Loaders multiply by this, and additionally by `attn_factor`.
    static func yarnScale(_ factor: Double, _ share: Double = 1) -> Double { factor > 1 ? 1 + 0.1 * share * log(factor) : 1 }

    static let attentionKey = "rope.scaling.attn_factor"

    /// Further yarn parameters, by their keys in config.json and GGUF, with the value that llama.cpp always uses in these architectures.
    static let yarnNumbers: [(name: String, key: String, taken: Double?)] = [
        ("extrapolation_factor", "rope.scaling.yarn_ext_factor", nil), ("beta_fast", "rope.scaling.yarn_beta_fast", 32),
        ("beta_slow", "rope.scaling.yarn_beta_slow", 1),
    ]

    // MARK: Omissions

    /// Supported members of `rope_scaling`, in addition to those of every type.
    private static let understood: [String: Set<String>] = [
        "default": ["factor"], "linear": ["factor"], "dynamic": ["factor"],
        "yarn": [
            "factor", "original_max_position_embeddings", "attention_factor", "mscale", "mscale_all_dim", "beta_fast", "beta_slow", "extrapolation_factor",
            "truncate", "finetuned",
        ],
        "llama3": ["factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings"],
        "longrope": ["factor", "long_factor", "short_factor", "original_max_position_embeddings", "attention_factor"],
    ]
    private static let always: Set<String> = ["rope_type", "type", "rope_theta", "partial_rotary_factor"]

    private func findings() throws -> [String] {
        func warning(_ what: String) -> String { "\(ModelConfig.name): \(what)" }
        guard let understood = Self.understood[isLong ? "longrope" : kind] else { return [notSaid] }
        var warnings: [String] = []
        let more = json.members.filter { ![.null, false].contains($0.value) && !understood.contains($0.key) && !Self.always.contains($0.key) }
        if !more.isEmpty {
            let names = more.map { "\"rope_scaling.\($0.key)\"" }.joined(separator: ", ")
            warnings.append(warning("\(names): not known in the kind \"\(kind)\"; GGUF loaders ignore it, which may change results"))
        }
        switch kind {
        case "dynamic":
            warnings.append(warning("GGUF cannot express \"rope_scaling\" of the kind \"dynamic\": results differ for texts longer than the context"))
        case "yarn":
            if json["truncate"] == false {
                warnings.append(warning("\"rope_scaling.truncate\" is false, and llama.cpp truncates the range of corrections: results differ"))
            }
            for (name, _, taken) in Self.yarnNumbers {
                guard let taken, let value = try number(name), value != taken else { continue }
                warnings.append(warning("\"rope_scaling.\(name)\" is \(value), and llama.cpp computes with \(taken): results differ"))
            }
        default: break
        }
        return warnings
    }
}
