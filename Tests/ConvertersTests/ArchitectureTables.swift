import Architectures
import Converters
import QAMFormat

/// A tiny model of each architecture, made from its table.
struct ArchitectureTable: Sendable, CustomStringConvertible {
    let architecture: Architecture

    static let all = Architecture.all.map { ArchitectureTable(architecture: $0) }

    var description: String { architecture.modelTypes[0] }

    /// By the names of the tables.
    private static let values: [String: JSONValue] = [
        "vocab_size": 24, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
        "max_position_embeddings": 64, "head_dim": 8, "original_max_position_embeddings": 64, "num_experts": 3, "num_local_experts": 3,
        "n_routed_experts": 3, "moe_num_experts": 3, "num_experts_per_tok": 2, "moe_k": 2, "moe_intermediate_size": 16,
        "shared_expert_intermediate_size": 24, "shared_intermediate_size": 24, "n_shared_experts": 2, "moe_num_shared_experts": 2,
        "first_k_dense_replace": 1, "moe_layer_start_index": 1, "q_lora_rank": 8, "kv_lora_rank": 16, "qk_rope_head_dim": 4, "qk_nope_head_dim": 8,
        "v_head_dim": 8, "sliding_window": 16, "query_pre_attn_scalar": 8,
    ]
    /// Those of models that have no groups of query heads, have biases by default, or whose windows loaders do not heed.
    private static let own: [String: [String: JSONValue]] = [
        "gpt2": ["num_key_value_heads": 4], "bloom": ["num_key_value_heads": 4], "exaone4": ["sliding_window": .null],
        "gpt_oss": ["rope_scaling": ["rope_type": "default"]], "gpt_neox": ["num_key_value_heads": 4],
        "deepseek_v2": ["num_key_value_heads": 4], "deepseek_v3": ["num_key_value_heads": 4], "glm4_moe_lite": ["num_key_value_heads": 4],
        "qwen2_moe": ["qkv_bias": false],
        "seed_oss": ["attention_bias": false],
    ]

    var config: [String: JSONValue] {
        let known = Set(architecture.hyperparameters.map(\.config) + ["num_attention_heads"])
        var config = Self.values.filter { known.contains($0.key) }.merging(Self.own[description] ?? [:]) { $1 }
        for (key, values) in architecture.fixed { if let value = values.first, value != .null { config[key] = value } }
        config["tie_word_embeddings"] = .bool(architecture.alwaysTied)
        for name in architecture.names { if let value = config.removeValue(forKey: name.table) { config[name.own] = value } }
        config["model_type"] = .string(description)
        return config
    }

    /// Its tensors have the names and shapes of Hugging Face, and different elements.
    func source() throws -> MemorySource {
        let file = ArchitectureModels.configFile(config)
        var source = MemorySource(files: [file])
        let parsed = try ModelConfig(file.bytes)
        guard let shape = try ModelShape(parsed) else { throw QAMError(.notFound, "no architecture") }
        var names: Set<String> = []
        func add(_ name: String, _ dimensions: [Int]) throws {
            guard names.insert(name).inserted else { return }
            let count = dimensions.reduce(1, *)
            let numbers = (0..<count).map { Float((names.count * 31 + $0) % 509) / 256 - 1 }
            source.add(name, dimensions, .bf16, try ElementConversion.bytes(numbers, as: .bf16))
        }
        for rule in architecture.tensors where !(architecture.alwaysTied && rule.gguf == TensorRule.headInGGUF) {
            let layers: [Int?] = rule.huggingFace.contains("#") ? Array(0..<shape.layers) : [nil]
            for layer in layers where shape.has(rule, in: layer) {
                let template = layer.map { rule.huggingFace.replacing("#", with: String($0)) } ?? rule.huggingFace
                for expert in 0..<(rule.isStacked ? shape.count(rule.shape[0]) : 1) {
                    let name = template.replacing("*", with: String(expert))
                    try add(rule.isWhole ? name : "\(name).weight", rule.huggingFaceShape.map(shape.count))
                    if case .required = rule.bias { try add("\(name).bias", rule.biasShape(.huggingFace).map(shape.count)) }
                }
            }
        }
        return source
    }
}
