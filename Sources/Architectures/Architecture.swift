package import QAMFormat

/// A family of models: its names in Hugging Face and GGUF, the names of its tensors and hyperparameters in both, and their other
/// differences. Each has a table in a file of its own.
package struct Architecture: Sendable {
    /// `general.architecture`, also the prefix of its keys.
    package let gguf: String
    /// `model_type` in config.json; the first is written.
    package let modelTypes: [String]
    /// The class in config.json's `architectures`.
    package let className: String
    package let tensors: [TensorRule]
    package let hyperparameters: [Hyperparameter]
    package let features: [Feature]
    /// The keys of config.json that have other names in this architecture than in the tables.
    package let names: [(table: String, own: String)]
    /// Other names that newer versions of transformers write, and older ones do not know.
    package let synonyms: [(table: String, own: String)]
    /// transformers' values of keys that config.json lacks, where they are not those of a hyperparameter.
    package let defaults: [(key: String, value: JSONValue)]
    /// Keys of GGUF, without the architecture's prefix, that have the same value in all models.
    package let constants: [(key: String, value: MetadataValue)]
    /// Keys of GGUF that follow from others.
    package let derived: [(key: String, value: TensorRule.Extent)]
    /// A key of GGUF that tells the architecture from others with the same name there, which lack it or have 0.
    package let mark: String?
    /// Values that config.json must have if it has the key; the first is written. GGUF implies them.
    package let fixed: [(key: String, values: [JSONValue])]
    /// Keys of config.json that do not affect results in this architecture, in addition to those that affect none.
    package let harmless: Set<String>
    /// Values of config.json that a model with several parts may leave out of its language model's configuration: transformers' defaults.
    package let textDefaults: [(key: String, value: JSONValue)]
    /// Whether GGUF loaders always use the embedding as the output head.
    package let alwaysTied: Bool
    /// Whether GGUF loaders require that the heads together are as wide as the model.
    package let headsFillWidth: Bool
    /// Nil if such models cannot be run.
    package let forward: ForwardPass?

    package init(
        gguf: String, modelTypes: [String], className: String, tensors: [TensorRule], hyperparameters: [Hyperparameter],
        features: [Feature], names: [(table: String, own: String)] = [], synonyms: [(table: String, own: String)] = [],
        defaults: [(key: String, value: JSONValue)] = [],
        constants: [(key: String, value: MetadataValue)] = [], derived: [(key: String, value: TensorRule.Extent)] = [], mark: String? = nil,
        fixed: [(key: String, values: [JSONValue])], harmless: Set<String> = [],
        textDefaults: [(key: String, value: JSONValue)] = [], alwaysTied: Bool = false,
        headsFillWidth: Bool = false, forward: ForwardPass? = nil
    ) {
        self.gguf = gguf
        self.modelTypes = modelTypes
        self.className = className
        self.tensors = tensors
        self.hyperparameters = hyperparameters
        self.features = features
        self.names = names
        self.synonyms = synonyms
        self.defaults = defaults
        self.constants = constants
        self.derived = derived
        self.mark = mark
        self.fixed = fixed
        self.harmless = harmless
        self.textDefaults = textDefaults
        self.alwaysTied = alwaysTied
        self.headsFillWidth = headsFillWidth
        self.forward = forward
    }

    /// All known architectures. Of two with the same GGUF name, the first is the default.
    package static let all: [Architecture] = [
        .llama, .mistral, .internLM3, .mixtral, .qwen2, .qwen3, .gemma, .gemma2, .gemma3, .phi, .phi3, .arcee, .bloom, .cohere, .cohere2, .deepSeekV2,
        .deepSeekV3, .dots1, .ernie45, .ernie45MoE, .exaone4, .glm4, .glm4MoE, .glm4MoELite, .gpt2, .gptBigCode, .gptNeoX, .gptOSS,
        .granite, .graniteMoE, .graniteMoEShared, .miniMaxM2, .nemotron, .olmo, .olmo2, .olmo3, .olmoe, .qwen2MoE, .qwen3MoE, .seedOSS, .smolLM3, .stableLM,
        .starCoder2,
    ]

    /// The `model_type` of the language model in models with several parts, by their own, if the configuration does not name it.
    package static let textModelTypes = [
        "gemma3": "gemma3_text", "llava": "llama", "llava_next": "llama", "vipllava": "llama", "mistral3": "mistral",
    ]

    /// The names of head and embedding in Hugging Face; nil for an architecture that has none.
    package var headName: String? { nameInHuggingFace(of: TensorRule.headInGGUF) }
    package var embeddingName: String? { nameInHuggingFace(of: TensorRule.embeddingInGGUF) }

    private func nameInHuggingFace(of name: String) -> String? { tensors.first { $0.gguf == name }.map { $0.huggingFace + ".weight" } }

    /// What precedes the names of all tensors but the head, such as `model.`.
    package var namePrefix: String { embeddingName.map { $0.prefix { $0 != "." } + "." } ?? "" }

    package var hasExperts: Bool { hyperparameters.contains { $0.keys.contains("expert_count") } }

    package static let blockCountKey = "num_hidden_layers"
}

/// Properties that loaders need beyond single numbers, each implemented by its own code.
package enum Feature: Hashable, Sendable {
    /// `rope.dimension_count`: the head size, or if `partial`, the fraction of it given by `partial_rotary_factor`.
    case ropeDimensions(partial: Bool)
    /// `rope_scaling` of type linear, yarn or llama3.
    case ropeScaling
    /// `rope_scaling` of type longrope: a factor for each frequency.
    case longRope
    /// Every n-th layer has full attention, the others a sliding window. GGUF states n if it differs from what loaders assume.
    case slidingPattern(assumed: Int)
    /// `layer_types`, for each layer whether it has a sliding window; without it, every n-th has full attention. `always`: GGUF says it even if it is
    /// what loaders assume.
    case layerTypes(assumed: Int, always: Bool)
    /// `no_rope_layers`: every n-th layer has no rotary embedding, which loaders take for granted.
    case layersWithoutRotary(every: Int)
    /// A key that loaders heed only in models with this number of layers.
    case heeded(String, inModelsOf: Range<Int>)
    /// Without `rope_scaling`, transformers scales.
    case scaledByDefault
    /// `num_nextn_predict_layers`: that many layers after the others predict further tokens. They are left out.
    case furtherLayers
    /// GGUF says yarn's `mscale_all_dim` in place of a factor of attention.
    case yarnMultiplier
    /// `sliding_window`, which GGUF loaders ignore.
    case unusedWindow
    /// `query_pre_attn_scalar`: loaders use the head size, or width / heads in models with this number of layers.
    case queryScalar(layersOfWidthByHeads: Int)
    /// A flag in config.json that states whether the tensor exists.
    case flag(String, tensor: String)
}
