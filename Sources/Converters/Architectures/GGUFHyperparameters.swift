import QAMFormat

/// GGUF's metadata and made tensors from config.json.
struct GGUFHyperparameters {
    /// Keys with the architecture's name before them.
    private(set) var entries: [Metadata.Entry] = []
    /// Tensors that config.json describes.
    private(set) var made: [SelectingSource.Item] = []
    private(set) var warnings: [String] = []

    private let architecture: Architecture
    private let config: ModelConfig
    /// Values by their keys in config.json, with defaults filled in.
    private var resolved: [String: JSONValue] = [:]

    /// Throws, with the file and the key: `malformed` for values that are missing or of another form, `unsupported` for those that
    /// loaders of GGUF do not know.
    init(_ architecture: Architecture, _ config: ModelConfig) throws {
        self.architecture = architecture
        self.config = config
        for (key, values) in architecture.fixed {
            guard let value = config[key], !values.contains(value) else { continue }
            let known = values.map { JSONWriter.text($0) }.joined(separator: " or ")
            throw ModelConfig.fault(
                "\"\(key)\" is \(JSONWriter.text(value)), and loaders of GGUF take \(known) for granted in \(architecture.gguf)", .unsupported)
        }
        for hyperparameter in architecture.hyperparameters { try add(hyperparameter) }
        for feature in architecture.features { try add(feature) }
    }

    /// A count by its key in config.json, with defaults filled in.
    func count(_ key: String) throws -> Int {
        guard let value = resolved[key] else { throw ModelConfig.fault("\"\(key)\" is missing") }
        return Int(try config.count(value, key: key))
    }

    private func number(_ key: String) throws -> Double {
        guard let value = resolved[key] else { throw ModelConfig.fault("\"\(key)\" is missing") }
        return try config.number(value, key: key)
    }

    private mutating func set(_ key: String, _ value: MetadataValue) {
        entries.append(Metadata.Entry(key: "\(architecture.gguf).\(key)", value: value))
    }

    private mutating func add(_ hyperparameter: Hyperparameter) throws {
        let value: JSONValue
        if let given = config[hyperparameter.config] {
            value = given
        } else {
            switch hyperparameter.configDefault {
            case .required: throw ModelConfig.fault("\"\(hyperparameter.config)\" is missing")
            case .omitted: return
            case .value(let standard): value = standard
            case .same(let key): value = JSONValue(try count(key))
            case .headSize: value = JSONValue(try headSize())
            }
        }
        resolved[hyperparameter.config] = value
        let converted = try hyperparameter.metadataValue(value, config)
        for key in hyperparameter.keys { set(key, converted) }
    }

    private func headSize() throws -> Int {
        if resolved["head_dim"] != nil { return try count("head_dim") }
        let width = try count("hidden_size"), heads = try count("num_attention_heads")
        guard heads > 0, width % heads == 0 else { throw ModelConfig.fault("\"num_attention_heads\" (\(heads)) does not divide \"hidden_size\" (\(width))") }
        return width / heads
    }

    private mutating func add(_ feature: Feature) throws {
        switch feature {
        case .ropeDimensions: set("rope.dimension_count", .uint32(UInt32(try rotaryDimensions())))
        case .ropeScaling: try addScaling()
        case .longRope: try addLongRope()
        case .slidingPattern(let assumed): try addPattern(assumed)
        case .queryScalar(let layers): try addQueryScale(layers)
        case .flag: break
        }
    }

    private func rotaryDimensions() throws -> Int {
        let share = try config["partial_rotary_factor"].map { try config.number($0, key: "partial_rotary_factor") } ?? 1
        guard (0...1).contains(share) else { throw ModelConfig.fault("\"partial_rotary_factor\" must be from 0 to 1") }
        let size = try headSize()
        guard size <= 65536 else { throw ModelConfig.fault("\"head_dim\" is too large: \(size)") }
        return Int(share * Double(size))
    }

    private mutating func addScaling() throws {
        guard let scaling = config["rope_scaling"] else { return }
        func number(_ key: String) throws -> MetadataValue? {
            try scaling[key].map { .float32(try config.float($0, key: "rope_scaling.\(key)")) }
        }
        func factor() throws -> MetadataValue {
            guard let factor = try number("factor") else { throw ModelConfig.fault("\"rope_scaling.factor\" is missing") }
            return factor
        }
        guard case .string(let kind)? = scaling["rope_type"] ?? scaling["type"] else { throw ModelConfig.fault("\"rope_scaling.rope_type\" is missing") }
        switch kind {
        case "default": break
        case "linear":
            set("rope.scaling.type", .string(kind))
            set("rope.scaling.factor", try factor())
        case "yarn":
            set("rope.scaling.type", .string(kind))
            set("rope.scaling.factor", try factor())
            let original = try scaling["original_max_position_embeddings"].map { try config.count($0, key: "rope_scaling.original_max_position_embeddings") }
            set("rope.scaling.original_context_length", .uint32(try original ?? UInt32(count("max_position_embeddings"))))
            for (name, key) in RopeScalingKeys.yarn {
                if let value = try number(name) { set(key, value) }
            }
        case "llama3":
            let factors = try RopeFactors.Llama3(scaling, config), theta = try self.number("rope_theta")
            guard theta > 0 else { throw ModelConfig.fault("\"rope_theta\" must be positive, not \(theta)") }
            made.append(try RopeFactors.item(RopeFactors.frequencies, factors.values(theta: theta, dimensions: rotaryDimensions())))
            entries.append(Metadata.Entry(key: OriginKeys.ropeScaling, value: .string(JSONWriter.text(scaling))))
        default:
            warnings.append("\(ModelConfig.name): GGUF cannot say \"rope_scaling\" of the kind \"\(kind)\"; loaders do without it")
        }
    }

    private mutating func addLongRope() throws {
        guard let scaling = config["rope_scaling"] else { return }
        let context = Double(try count("max_position_embeddings")), original = Double(try count("original_max_position_embeddings"))
        set("rope.scaling.attn_factor", .float32(Float(RopeFactors.longAttentionFactor(context: context, original: original))))
        let pairs = try rotaryDimensions() / 2
        for (key, name) in [("long_factor", RopeFactors.long), ("short_factor", RopeFactors.short)] {
            let factors = try config.floats(scaling[key], key: "rope_scaling.\(key)")
            guard factors.count == pairs else {
                throw ModelConfig.fault("\"rope_scaling.\(key)\" has \(factors.count) factors for \(pairs) pairs of a head")
            }
            made.append(try RopeFactors.item(name, factors))
        }
    }

    private mutating func addPattern(_ assumed: Int) throws {
        var pattern = assumed
        if let value = config["sliding_window_pattern"] {
            pattern = Int(try config.count(value, key: "sliding_window_pattern"))
        } else if case .array(let kinds)? = config["layer_types"] {
            pattern = (kinds.firstIndex(of: "full_attention") ?? kinds.count) + 1
            for (layer, kind) in kinds.enumerated() where (kind == "full_attention") != ((layer + 1) % pattern == 0) {
                throw ModelConfig.fault("\"layer_types\" follows no pattern that GGUF can say", .unsupported)
            }
            // Too few layers to see it.
            if pattern > kinds.count { pattern = max(pattern, assumed) }
        }
        guard pattern > 0 else { throw ModelConfig.fault("\"sliding_window_pattern\" must not be 0") }
        if pattern != assumed { set("attention.sliding_window_pattern", .uint32(UInt32(pattern))) }
    }

    private mutating func addQueryScale(_ layers: Int) throws {
        guard let value = config["query_pre_attn_scalar"] else { return }
        let scalar = try config.number(value, key: "query_pre_attn_scalar")
        let wide = try count(Architecture.blockCountKey) == layers
        let assumed = try wide ? count("hidden_size") / max(1, count("num_attention_heads")) : headSize()
        guard scalar != Double(assumed) else { return }
        let scale = Float(1 / scalar.squareRoot())
        guard scalar > 0, scale.isFinite else { throw ModelConfig.fault("\"query_pre_attn_scalar\" must be positive, not \(scalar)") }
        set("attention.scale", .float32(scale))
        warnings.append("\(ModelConfig.name): \"query_pre_attn_scalar\" is \(scalar), and llama.cpp computes with \(assumed)")
    }
}

/// Keys of scaling of the kind yarn, in config.json and in GGUF.
enum RopeScalingKeys {
    static let yarn = [
        ("extrapolation_factor", "rope.scaling.yarn_ext_factor"), ("attention_factor", "rope.scaling.yarn_attn_factor"),
        ("beta_fast", "rope.scaling.yarn_beta_fast"), ("beta_slow", "rope.scaling.yarn_beta_slow"),
    ]
}
