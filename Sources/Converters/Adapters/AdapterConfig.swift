import Architectures
internal import QAMFormat

/// PEFT's adapter_config.json of a LoRA adapter: what it says about how its matrices are merged.
struct AdapterConfig: Sendable {
    /// The rank and the numerator of the scale of one module.
    struct Scale: Hashable, Sendable {
        var rank: Int
        var alpha: Double
        /// The factor of B A.
        var factor: Double
    }

    /// The name of the model that the adapter was trained for, or its folder.
    let baseModel: String?
    let alpha: Double
    /// Whether the weights of the model are stored as (in, out), as those of GPT-2.
    let isTransposed: Bool
    let warnings: [String]
    private let rank: Int
    private let isRankStabilized: Bool
    private let ranks: [(pattern: NamePattern, value: JSONValue)]
    private let alphas: [(pattern: NamePattern, value: JSONValue)]

    static let name = "adapter_config.json"
    private static let maximumLength = 16 << 20

    /// Throws `malformed`, or `unsupported` with the name of what cannot be merged.
    init(_ file: any EmbeddedFile) throws {
        guard file.byteCount <= Self.maximumLength else { throw Self.fault("it is too large for a configuration") }
        let json = try JSONValue(parsing: try file.read(0..<file.byteCount), section: "JSON", takingNonFinite: true)
        guard case .object(let members) = json else { throw Self.fault("it is not a JSON object") }
        let said = members.filter { ![.null, false, [:], []].contains($0.value) }
        func value(_ key: String) -> JSONValue? { said.first { $0.key == key }?.value }

        guard case .string(let method)? = value("peft_type") else { throw Self.fault("it has no \"peft_type\", so it is not that of a PEFT adapter") }
        guard method == "LORA" else { throw Self.unsupported("the adapter is of the kind \(method), which cannot be merged here; only LORA can") }
        for (key, meaning) in Self.variants where value(key) != nil {
            throw Self.unsupported("\"\(key)\" says that the adapter is more than LoRA (\(meaning)); merge it with PEFT's merge_and_unload")
        }
        if case .string(let start)? = value("init_lora_weights"), Self.changing.contains(where: { start.lowercased().hasPrefix($0) }) {
            throw Self.unsupported(
                "\"init_lora_weights\" is \"\(start)\", which changes the model's own weights before training: convert the adapter to a plain one with "
                    + "PEFT's save_pretrained(path_initial_model_for_weight_conversion=...)")
        }
        let unknown = said.map(\.key).filter { !Self.known.contains($0) }
        warnings = unknown.isEmpty ? [] : ["\(Self.name): not known, and ignored: \(unknown.joined(separator: ", "))"]
        rank = try Self.rank(value("r"), "r")
        alpha = try Self.number(value("lora_alpha"), "lora_alpha")
        isRankStabilized = value("use_rslora") == true
        isTransposed = value("fan_in_fan_out") == true
        if case .string(let name)? = value("base_model_name_or_path") { baseModel = name } else { baseModel = nil }
        ranks = try Self.patterns(value("rank_pattern"), "rank_pattern")
        alphas = try Self.patterns(value("alpha_pattern"), "alpha_pattern")
    }

    /// The scale of a module with this name. The first pattern that matches its end counts.
    func scale(of module: String) throws -> Scale {
        let rank = try ranks.first { $0.pattern.matches(module) }.map { try Self.rank($0.value, "rank_pattern") } ?? self.rank
        let alpha = try alphas.first { $0.pattern.matches(module) }.map { try Self.number($0.value, "alpha_pattern") } ?? self.alpha
        return Scale(rank: rank, alpha: alpha, factor: alpha / (isRankStabilized ? Double(rank).squareRoot() : Double(rank)))
    }

    /// Keys that make the adapter another kind of function, and what they stand for.
    private static let variants: [(key: String, meaning: String)] = [
        ("use_dora", "DoRA"), ("use_qalora", "QALoRA"), ("use_bdlora", "BD-LoRA"), ("kasa_config", "KaSA"), ("monteclora_config", "MonteCLoRA"),
        ("velora_config", "VeLoRA"), ("arrow_config", "Arrow"), ("alora_invocation_tokens", "activated LoRA"), ("lora_bias", "biases of its own"),
        ("target_parameters", "parameters that are not modules, such as those of experts"), ("trainable_token_indices", "trained tokens"),
        ("layer_replication", "layers that are used several times"),
    ]

    /// Beginnings of ways to start that change the model.
    private static let changing = ["pissa", "olora", "corda", "loftq", "lora_ga"]

    /// Keys that do not change what is merged, or that are taken.
    private static let known: Set<String> = [
        "peft_type", "r", "lora_alpha", "use_rslora", "fan_in_fan_out", "base_model_name_or_path", "rank_pattern", "alpha_pattern", "init_lora_weights",
        "task_type", "auto_mapping", "peft_version", "revision", "inference_mode", "target_modules", "exclude_modules", "lora_dropout", "bias",
        "modules_to_save", "layers_to_transform", "layers_pattern", "megatron_config", "megatron_core", "loftq_config", "eva_config", "corda_config",
        "lora_ga_config", "qalora_group_size", "ensure_weight_tying", "runtime_config",
    ]

    private static func rank(_ value: JSONValue?, _ key: String) throws -> Int {
        guard case .integer(let integer)? = value, let rank = Int(exactly: integer), rank > 0, rank <= 1 << 20 else {
            throw fault("\"\(key)\" is not a rank, which is a positive integer")
        }
        return rank
    }

    private static func number(_ value: JSONValue?, _ key: String) throws -> Double {
        switch value {
        case .integer(let integer)?: return Double(integer)
        case .number(let number)? where number.isFinite: return number
        default: throw fault("\"\(key)\" is not a number")
        }
    }

    /// The patterns match whole ends of names, from a dot on, as in PEFT.
    private static func patterns(_ value: JSONValue?, _ key: String) throws -> [(pattern: NamePattern, value: JSONValue)] {
        guard let value else { return [] }
        guard case .object(let members) = value else { throw fault("\"\(key)\" is not a JSON object") }
        return try members.map { member in
            do {
                return (try NamePattern("^(?:.*\\.)?(?:\(member.key))$"), member.value)
            } catch let error as QAMError {
                throw unsupported("\"\(key)\" has the pattern \"\(member.key)\": \(error.message)")
            }
        }
    }

    private static func fault(_ message: String) -> QAMError { QAMError(.malformed, message) }
    private static func unsupported(_ message: String) -> QAMError { QAMError(.unsupported, message) }
}
