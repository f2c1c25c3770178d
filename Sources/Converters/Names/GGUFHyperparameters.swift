import Architectures
import QAMFormat

/// GGUF's metadata and generated tensors, from config.json.
struct GGUFHyperparameters {
    /// Keys include the architecture's prefix.
    private(set) var entries: [Metadata.Entry] = []
    /// Tensors generated from config.json.
    private(set) var made: [SelectingSource.Item] = []
    private(set) var warnings: [String] = []
    let shape: ModelShape

    private let architecture: Architecture
    private let config: ModelConfig
    private let values: ConfigValues

    /// Throws, with file and key: `malformed` for missing or malformed values, `unsupported` for those that GGUF loaders do not support.
    init(_ architecture: Architecture, _ config: ModelConfig) throws {
        self.architecture = architecture
        self.config = config
        for (key, values) in architecture.fixed {
            guard let value = config[key], !values.contains(value) else { continue }
            let known = values.map { JSONWriter.text($0) }.joined(separator: " or ")
            throw ModelConfig.fault(
                "\"\(key)\" is \(JSONWriter.text(value)), and loaders of GGUF take \(known) for granted in \(architecture.gguf)", .unsupported)
        }
        values = try ConfigValues(architecture, config)
        shape = try ModelShape(architecture, config, values)
        for hyperparameter in architecture.hyperparameters {
            guard let value = values[hyperparameter.config] else { continue }
            let converted = try hyperparameter.metadataValue(value, config)
            for key in hyperparameter.keys { set(key, converted) }
        }
        for (key, value) in architecture.constants { set(key, value) }
        for (key, value) in architecture.derived { set(key, .uint32(UInt32(truncatingIfNeeded: shape.count(value)))) }
        try requireWholeHeads()
        for feature in architecture.features { try add(feature) }
        warnings += UnsaidKeys.warnings(config, architecture)
    }

    private mutating func set(_ key: String, _ value: MetadataValue) {
        entries.append(Metadata.Entry(key: "\(architecture.gguf).\(key)", value: value))
    }

    /// Checks what GGUF loaders assume about heads.
    private func requireWholeHeads() throws {
        if architecture.headsFillWidth, shape.heads * shape.headSize != shape.width {
            throw ModelConfig.fault(
                "\(shape.heads) heads of \(shape.headSize) are not \"hidden_size\" (\(shape.width)), which loaders of GGUF take for granted in "
                    + architecture.gguf, .unsupported)
        }
        guard !architecture.features.contains(.ropeDimensions(partial: true)), try rotaryShare() != 1 else { return }
        throw ModelConfig.fault("\"partial_rotary_factor\" is not 1, and GGUF loaders rotate whole heads in \(architecture.gguf)", .unsupported)
    }

    private mutating func add(_ feature: Feature) throws {
        switch feature {
        case .ropeDimensions: set("rope.dimension_count", .uint32(UInt32(try rotaryDimensions())))
        case .ropeScaling: try addScaling()
        case .longRope: try addLongRope()
        case .slidingPattern(let assumed): try addPattern(assumed)
        case .layerTypes(let assumed, let always): try addLayerTypes(assumed, always)
        case .layersWithoutRotary(let period): try requireRotaryLayers(period)
        case .heeded(let key, let layers): try requireLayers(layers, for: key)
        case .scaledByDefault:
            guard config["rope_scaling"] == nil, config["rope_parameters"] == nil else { break }
            throw ModelConfig.fault("\"rope_scaling\" is missing, and transformers scales all the same: say how")
        case .furtherLayers, .yarnMultiplier: break
        case .unusedWindow: try warnOfWindow()
        case .queryScalar(let layers): try addQueryScale(layers)
        case .flag: break
        }
    }

    private func rotaryShare() throws -> Double {
        let share = try config["partial_rotary_factor"].map { try config.number($0, key: "partial_rotary_factor") } ?? 1
        guard (0...1).contains(share) else { throw ModelConfig.fault("\"partial_rotary_factor\" must be from 0 to 1") }
        return share
    }

    private func rotaryDimensions() throws -> Int {
        guard shape.headSize <= 65536 else { throw ModelConfig.fault("\"head_dim\" is too large: \(shape.headSize)") }
        if config["partial_rotary_factor"] == nil, let value = config["rotary_dim"] {
            let dimensions = Int(try config.count(value, key: "rotary_dim"))
            guard (1...shape.headSize).contains(dimensions) else { throw ModelConfig.fault("\"rotary_dim\" must be from 1 to \(shape.headSize)") }
            return dimensions
        }
        return Int(try rotaryShare() * Double(shape.headSize))
    }

    private mutating func addScaling() throws {
        guard let json = config["rope_scaling"] else { return }
        let scaling = try RopeScaling(json, config)
        let isMultiplied = architecture.features.contains(.yarnMultiplier)
        for (key, value) in try scaling.entries(context: values.count("max_position_embeddings")) where !(isMultiplied && key == RopeScaling.attentionKey) {
            set(key, value)
        }
        if isMultiplied, let share = try scaling.sharedMultiplier() { set(RopeScaling.multiplierKey, .float32(Float(0.1 * share))) }
        warnings += scaling.warnings + (scaling.isLong ? [scaling.notSaid] : [])
        guard scaling.kind == "llama3" else { return }
        let theta = try values.number("rope_theta")
        guard theta > 0 else { throw ModelConfig.fault("\"rope_theta\" must be positive, not \(theta)") }
        let factors = try RopeFactors.Llama3(json, config).values(theta: theta, dimensions: rotaryDimensions())
        made.append(try RopeFactors.item(RopeFactors.frequencies, factors))
    }

    private mutating func addLongRope() throws {
        guard let json = config["rope_scaling"] else { return }
        let scaling = try RopeScaling(json, config)
        guard scaling.kind != "default" else { return }
        let context = Double(try values.count("max_position_embeddings")), original = Double(try values.count("original_max_position_embeddings"))
        let attention = try scaling.number("attention_factor") ?? RopeFactors.longAttentionFactor(context: context, original: original)
        set("rope.scaling.attn_factor", .float32(Float(attention)))
        warnings += scaling.warnings
        let pairs = try rotaryDimensions() / 2
        for (key, name) in [("long_factor", RopeFactors.long), ("short_factor", RopeFactors.short)] {
            let factors = try config.floats(json[key], key: "rope_scaling.\(key)")
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
            // Too few layers to determine it.
            if pattern > kinds.count { pattern = max(pattern, assumed) }
        }
        guard pattern > 0 else { throw ModelConfig.fault("\"sliding_window_pattern\" must not be 0") }
        if pattern != assumed { set("attention.sliding_window_pattern", .uint32(UInt32(pattern))) }
    }

    private mutating func addLayerTypes(_ assumed: Int, _ always: Bool) throws {
        guard config["sliding_window"] != nil || values["sliding_window"] ?? .null != .null else { return }
        let usual = (1...shape.layers).map { $0 % assumed != 0 }
        var windows = usual
        if case .array(let kinds)? = config["layer_types"] {
            guard kinds.count == shape.layers, kinds.allSatisfy({ ["sliding_attention", "full_attention"].contains($0) }) else {
                throw ModelConfig.fault("\"layer_types\" must say for each of \(shape.layers) layers \"sliding_attention\" or \"full_attention\"")
            }
            windows = kinds.map { $0 == "sliding_attention" }
        }
        if always || windows != usual { set("attention.sliding_window_pattern", .array(.bool(windows))) }
    }

    private func requireRotaryLayers(_ period: Int) throws {
        guard case .array(let layers)? = config["no_rope_layers"], layers != (1...shape.layers).map({ $0 % period == 0 ? 0 : 1 }) else { return }
        throw ModelConfig.fault(
            "\"no_rope_layers\" is not every \(period)th layer, which loaders of GGUF take for granted in \(architecture.gguf)", .unsupported)
    }

    private func requireLayers(_ layers: Range<Int>, for key: String) throws {
        guard let value = config[key] ?? values[key], ![.null, false].contains(value), !layers.contains(shape.layers) else { return }
        throw ModelConfig.fault("\"\(key)\" is ignored by loaders of GGUF in \(architecture.gguf) of \(shape.layers) layers", .unsupported)
    }

    private mutating func warnOfWindow() throws {
        guard let value = config["sliding_window"] else { return }
        let window = try config.count(value, key: "sliding_window"), context = try values.count("max_position_embeddings")
        guard window < context else { return }
        warnings.append(
            "\(ModelConfig.name): \"sliding_window\" is \(window), and llama.cpp lets tokens see the whole context in \(architecture.gguf): texts that are "
                + "longer have other results")
    }

    private mutating func addQueryScale(_ layers: Int) throws {
        guard let value = config["query_pre_attn_scalar"] else { return }
        let scalar = try config.number(value, key: "query_pre_attn_scalar")
        let assumed = shape.layers == layers ? shape.width / shape.heads : shape.headSize
        guard scalar != Double(assumed) else { return }
        let scale = Float(1 / scalar.squareRoot())
        guard scalar > 0, scale.isFinite else { throw ModelConfig.fault("\"query_pre_attn_scalar\" must be positive, not \(scalar)") }
        set("attention.scale", .float32(scale))
        warnings.append("\(ModelConfig.name): \"query_pre_attn_scalar\" is \(scalar), and llama.cpp computes with \(assumed)")
    }
}
