import Architectures
import QAMFormat

/// Builds a config.json from GGUF's metadata and tensors.
struct HuggingFaceConfig {
    private(set) var members: [JSONValue.Member] = []
    private(set) var warnings: [String] = []

    let dtype: DType
    let isTied: Bool

    private let architecture: Architecture
    private let source: any TensorSource

    /// `source` must have GGUF names. Throws `malformed` with the key for missing or malformed metadata.
    init(_ architecture: Architecture, _ source: any TensorSource, dtype: DType, isTied: Bool) throws {
        self.architecture = architecture
        self.source = source
        self.dtype = dtype
        self.isTied = isTied
        set("architectures", [.string(architecture.className)])
        set("model_type", .string(architecture.modelTypes[0]))
        for hyperparameter in architecture.hyperparameters { try add(hyperparameter) }
        // Loaders use the number of tokens, whatever the key says.
        if let embedding = source.tensors.first(where: { $0.name == "token_embd.weight" }) {
            members.removeAll { $0.key == "vocab_size" }
            members.insert(.init("vocab_size", JSONValue(embedding.rows)), at: 2)
        }
        for feature in architecture.features { try add(feature) }
        for (key, values) in architecture.fixed where self[key] == nil { values.first.map { set(key, $0) } }
        if self["tie_word_embeddings"] == nil { set("tie_word_embeddings", .bool(isTied)) }
        for token in OriginKeys.tokens {
            guard let value = source.metadata[token.ggml] else { continue }
            let id = try value.count(key: token.ggml)
            // Ids outside the vocabulary are ignored, as other loaders do.
            if id < count("vocab_size") { set(token.config, JSONValue(id)) }
        }
        for name in architecture.names {
            guard let member = members.firstIndex(where: { $0.key == name.table }) else { continue }
            members[member].key = name.own
        }
        set("use_cache", true)
        set("torch_dtype", .string(Self.name(of: dtype)))
    }

    /// transformers' name for a type of weights.
    static func name(of dtype: DType) -> String { [.f32: "float32", .f16: "float16"][dtype] ?? "bfloat16" }

    /// Formatted like transformers' output.
    var file: [UInt8] { Array((JSONWriter.text(.object(members), pretty: true) + "\n").utf8) }

    subscript(key: String) -> JSONValue? { members.first { $0.key == key }?.value }

    private mutating func set(_ key: String, _ value: JSONValue) { members.append(.init(key, value)) }

    /// A value of one of the architecture's keys.
    private func metadata(_ key: String) -> (key: String, value: MetadataValue)? {
        let key = "\(architecture.gguf).\(key)"
        return source.metadata[key].map { (key, $0) }
    }

    private mutating func add(_ hyperparameter: Hyperparameter) throws {
        if let name = hyperparameter.keys.first, let (key, value) = metadata(name) {
            return set(hyperparameter.config, try hyperparameter.configValue(value, key: key))
        }
        switch hyperparameter.ggufDefault {
        case .required:
            throw QAMError(
                .malformed, "\"\(architecture.gguf).\(hyperparameter.keys.first ?? hyperparameter.config)\" is missing", at: .init(section: "metadata"))
        case .omitted: break
        case .value(let value): set(hyperparameter.config, value)
        case .same(let key): self[key].map { set(hyperparameter.config, $0) }
        case .multiple(let factor, let key): set(hyperparameter.config, JSONValue(factor * count(key)))
        case .headSize: set(hyperparameter.config, JSONValue(headSize))
        case .difference(let large, let small):
            let numbers = try [large, small].map { key in try metadata(key).map { try $0.value.count(key: $0.key) } ?? 0 }
            set(hyperparameter.config, JSONValue(max(0, numbers[0] - numbers[1])))
        }
    }

    private func count(_ key: String) -> Int {
        if case .integer(let value)? = self[key] { Int(value) } else { 0 }
    }

    private var headSize: Int { count("head_dim") > 0 ? count("head_dim") : count("hidden_size") / max(1, count("num_attention_heads")) }

    private mutating func add(_ feature: Feature) throws {
        switch feature {
        case .ropeDimensions:
            guard let (key, value) = metadata("rope.dimension_count") else { return }
            let dimensions = try value.count(key: key)
            if dimensions < headSize || architecture.defaults.contains(where: { $0.key == "partial_rotary_factor" }) {
                set("partial_rotary_factor", .number(Double(dimensions) / Double(headSize)))
            }
        case .ropeScaling: try scaling().map { set("rope_scaling", $0) }
        case .longRope:
            guard let long = try RopeFactors.values(RopeFactors.long, in: source), let short = try RopeFactors.values(RopeFactors.short, in: source)
            else { return set("rope_scaling", .null) }
            func list(_ values: [Float]) -> JSONValue { .array(values.map { .number(Double($0.description) ?? Double($0)) }) }
            set("rope_scaling", ["long_factor": list(long), "short_factor": list(short), "type": "longrope"])
        case .slidingPattern(let assumed):
            let given = metadata("attention.sliding_window_pattern")
            set("sliding_window_pattern", JSONValue(try given.map { try Self.pattern($0.value, key: $0.key) } ?? assumed))
        case .queryScalar(let layers):
            if let (key, value) = metadata("attention.scale") {
                let scale = try value.number(key: key)
                guard scale >= 0x1p-32 else { throw QAMError(.malformed, "\"\(key)\" must be positive, not \(scale)", at: .init(section: "metadata")) }
                return set("query_pre_attn_scalar", .number((1 / (scale * scale) * 1024).rounded() / 1024))
            }
            let isWide = count(Architecture.blockCountKey) == layers
            set("query_pre_attn_scalar", JSONValue(isWide ? count("hidden_size") / max(1, count("num_attention_heads")) : headSize))
        case .layerTypes(let assumed, _):
            guard ![nil, .null].contains(self["sliding_window"]) else { return }
            var windows = (0..<min(count(Architecture.blockCountKey), 1 << 16)).map { ($0 + 1) % assumed != 0 }
            if let (key, value) = metadata("attention.sliding_window_pattern") {
                guard case .array(.bool(let given)) = value, given.count == windows.count else {
                    throw QAMError(.unsupported, "\"\(key)\" does not say for each layer whether it has a window", at: .init(section: "metadata"))
                }
                windows = given
            }
            set("layer_types", .array(windows.map { $0 ? "sliding_attention" : "full_attention" }))
        case .scaledByDefault: if self["rope_scaling"] == nil { set("rope_scaling", ["rope_type": "default"]) }
        case .furtherLayers: set("num_nextn_predict_layers", 0)
        case .unusedWindow, .yarnMultiplier, .layersWithoutRotary, .heeded: break
        case .flag(let key, let tensor): set(key, .bool(source.tensors.contains { $0.name == tensor }))
        }
    }

    /// A number, or for each layer whether it has a sliding window.
    private static func pattern(_ value: MetadataValue, key: String) throws -> Int {
        guard case .array(.bool(let windows)) = value else { return try value.count(key: key) }
        let pattern = (windows.firstIndex(of: false) ?? windows.count) + 1
        for (layer, window) in windows.enumerated() where window == ((layer + 1) % pattern == 0) {
            throw QAMError(.unsupported, "\"\(key)\" follows no pattern that config.json can say", at: .init(section: "metadata"))
        }
        return pattern
    }

    private mutating func scaling() throws -> JSONValue? {
        if let factors = try RopeFactors.values(RopeFactors.frequencies, in: source) { return llama3(factors) }
        // Loaders scale linearly if there is no type, and accept the key of older files; 0 means no scaling.
        let type = metadata("rope.scaling.type")?.value.string, kind = type ?? "linear"
        guard kind != "none", let factor = metadata("rope.scaling.factor") ?? metadata("rope.scale_linear") else { return nil }
        let number = try factor.value.number(key: factor.key)
        guard number != 0, type != nil || number != 1 else { return nil }
        var scaling: [JSONValue.Member] = [.init("rope_type", .string(kind)), .init("factor", .number(try factor.value.shortest(key: factor.key)))]
        if kind == "yarn" {
            if let (key, value) = metadata("rope.scaling.original_context_length") {
                scaling.append(.init("original_max_position_embeddings", JSONValue(try value.count(key: key))))
            }
            if let (key, value) = metadata(RopeScaling.multiplierKey) {
                let share = JSONValue.number((try value.number(key: key) * 1e7).rounded() / 1e6)
                scaling += [.init("mscale", share), .init("mscale_all_dim", share)]
            } else if let (key, value) = metadata(RopeScaling.attentionKey) {
                let attention = try value.number(key: key) * RopeScaling.yarnScale(try factor.value.number(key: factor.key))
                scaling.append(.init("attention_factor", .number((attention * 1e6).rounded() / 1e6)))
            } else if let (key, value) = metadata("rope.scaling.yarn_attn_factor") {
                // Written by other converters, not read by their loaders.
                scaling.append(.init("attention_factor", .number(try value.shortest(key: key))))
            }
            for (name, key, _) in RopeScaling.yarnNumbers {
                if let (key, value) = metadata(key) { scaling.append(.init(name, .number(try value.shortest(key: key)))) }
            }
        }
        return .object(scaling)
    }

    /// The parameters that generate the factors: tries those of most models and compares.
    private mutating func llama3(_ factors: [Float]) -> JSONValue? {
        let guess = RopeFactors.Llama3(factor: Double(factors.max() ?? 1))
        var theta = 10000.0
        if case .number(let given)? = self["rope_theta"] { theta = given }
        let made = guess.values(theta: theta, dimensions: 2 * factors.count)
        if zip(made, factors).allSatisfy({ abs($0 - $1) <= 1e-4 * abs($1) }) { return guess.json }
        warnings.append("\(RopeFactors.frequencies) cannot be told from its numbers: \"rope_scaling\" is missing in \(ModelConfig.name)")
        return nil
    }
}
