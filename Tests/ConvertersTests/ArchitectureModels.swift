import Architectures
import Converters
import QAMFormat

/// Tiny models with random weights, one or more per architecture, with the names and shapes of Hugging Face checkpoints.
enum ArchitectureModels {
    struct Model: Sendable, CustomStringConvertible {
        var description: String
        var config: [String: JSONValue]
        var architecture: String

        func count(_ key: String) -> Int { if case .integer(let value)? = config[key] { Int(value) } else { 0 } }
        var headSize: Int { count("head_dim") > 0 ? count("head_dim") : count("hidden_size") / count("num_attention_heads") }
        var isTied: Bool { config["tie_word_embeddings"] == true }
        var kind: String { if case .string(let kind)? = config["model_type"] { kind } else { "" } }
    }

    static func model(_ name: String, _ architecture: String, _ more: [String: JSONValue] = [:]) -> Model {
        let common: [String: JSONValue] = [
            "model_type": .string(name), "vocab_size": 24, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
            "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 512, "rms_norm_eps": .number(1e-6),
            "rope_theta": .number(10000), "tie_word_embeddings": false,
        ]
        return Model(description: name, config: common.merging(more) { $1 }, architecture: architecture)
    }

    static let llama3: JSONValue = [
        "rope_type": "llama3", "factor": .number(8), "low_freq_factor": .number(1), "high_freq_factor": .number(4),
        "original_max_position_embeddings": 64,
    ]

    static let all: [Model] = [
        model("llama", "llama"),
        model("llama", "llama", ["attention_bias": true, "tie_word_embeddings": true, "rope_scaling": llama3]),
        model("mistral", "llama", ["head_dim": 12, "sliding_window": 4096]),
        model("qwen2", "qwen2", ["tie_word_embeddings": true]),
        model("qwen3", "qwen3", ["head_dim": 12, "rope_scaling": ["rope_type": "yarn", "factor": .number(4), "original_max_position_embeddings": 128]]),
        model(
            "gemma2", "gemma2",
            [
                "head_dim": 12, "query_pre_attn_scalar": 12, "sliding_window": 16, "attn_logit_softcapping": .number(50),
                "final_logit_softcapping": .number(30), "tie_word_embeddings": true,
            ]),
        model(
            "gemma3_text", "gemma3",
            [
                "head_dim": 12, "query_pre_attn_scalar": 12, "sliding_window": 16, "sliding_window_pattern": 3, "rope_local_base_freq": .number(10000),
                "tie_word_embeddings": true, "rope_scaling": ["rope_type": "linear", "factor": .number(8)],
            ]),
        model(
            "phi3", "phi3",
            [
                "num_key_value_heads": 4, "original_max_position_embeddings": 256, "sliding_window": .null,
                "rope_scaling": [
                    "long_factor": [.number(1), .number(2), .number(3), .number(4.5)],
                    "short_factor": [.number(1), .number(1), .number(1), .number(1.25)], "type": "longrope",
                ],
            ]),
    ]

    static func configFile(_ config: [String: JSONValue]) -> MemoryFile {
        let members = config.sorted { $0.key < $1.key }.map { JSONValue.Member($0.key, $0.value) }
        return MemoryFile(name: "config.json", bytes: Array(JSONWriter.text(.object(members)).utf8))
    }

    /// BF16 weights except for one F32 norm, and config.json.
    static func source(_ model: Model, dtype: DType = .bf16) throws -> MemorySource {
        var source = MemorySource()
        source.metadata.set("format", .string("pt"))
        source.files = [configFile(model.config)]
        let width = model.count("hidden_size"), hidden = model.count("intermediate_size"), size = model.headSize
        let heads = model.count("num_attention_heads"), pairs = model.count("num_key_value_heads"), gemma = model.kind.hasPrefix("gemma")
        func add(_ name: String, _ shape: Int..., dtype given: DType? = nil) throws {
            let count = shape.reduce(1, *), dtype = given ?? dtype
            let values = noise(2 * count, seed: UInt64(source.tensors.count + 7))
            let floats = (0..<count).map { index -> Float in
                let high = Float(values[2 * index]), low = Float(values[2 * index + 1]) / 256
                return (high + low - 128) / 256
            }
            source.add(name, shape, dtype, try ElementConversion.bytes(floats, as: dtype))
        }
        try add("model.embed_tokens.weight", model.count("vocab_size"), width)
        for layer in 0..<model.count("num_hidden_layers") {
            let prefix = "model.layers.\(layer)"
            try add("\(prefix).input_layernorm.weight", width, dtype: layer == 1 ? .f32 : nil)
            try add("\(prefix).post_attention_layernorm.weight", width)
            if gemma {
                try add("\(prefix).pre_feedforward_layernorm.weight", width)
                try add("\(prefix).post_feedforward_layernorm.weight", width)
            }
            if model.kind == "phi3" {
                try add("\(prefix).self_attn.qkv_proj.weight", (heads + 2 * pairs) * size, width)
                try add("\(prefix).mlp.gate_up_proj.weight", 2 * hidden, width)
            } else {
                for (name, rows) in [("q", heads * size), ("k", pairs * size), ("v", pairs * size)] {
                    try add("\(prefix).self_attn.\(name)_proj.weight", rows, width)
                    if model.kind == "qwen2" || model.config["attention_bias"] == true { try add("\(prefix).self_attn.\(name)_proj.bias", rows) }
                }
                try add("\(prefix).mlp.gate_proj.weight", hidden, width)
                try add("\(prefix).mlp.up_proj.weight", hidden, width)
            }
            if ["qwen3", "gemma3_text"].contains(model.kind) {
                try add("\(prefix).self_attn.q_norm.weight", size)
                try add("\(prefix).self_attn.k_norm.weight", size)
            }
            try add("\(prefix).self_attn.o_proj.weight", width, heads * size)
            try add("\(prefix).mlp.down_proj.weight", width, hidden)
        }
        try add("model.norm.weight", width)
        if !model.isTied { try add("lm_head.weight", model.count("vocab_size"), width) }
        return source
    }
}

extension TensorSource {
    /// The index of a tensor, which must exist.
    func index(_ name: String) throws -> Int {
        guard let index = tensors.firstIndex(where: { $0.name == name }) else { throw QAMError(.notFound, "no tensor \(name)") }
        return index
    }

    /// The values of a tensor.
    func values(_ name: String) throws -> [Double] {
        let index = try index(name)
        guard case .raw(let dtype) = tensors[index].storage else { return [] }
        return try ElementConversion.doubles(try payload(self, index)[0], as: dtype)
    }
}
