internal import QAMFormat

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

    package init(
        gguf: String, modelTypes: [String], className: String, tensors: [TensorRule], hyperparameters: [Hyperparameter],
        features: [Feature], fixed: [(key: String, values: [JSONValue])], harmless: Set<String> = [],
        textDefaults: [(key: String, value: JSONValue)] = [], alwaysTied: Bool = false,
        headsFillWidth: Bool = false
    ) {
        self.gguf = gguf
        self.modelTypes = modelTypes
        self.className = className
        self.tensors = tensors
        self.hyperparameters = hyperparameters
        self.features = features
        self.fixed = fixed
        self.harmless = harmless
        self.textDefaults = textDefaults
        self.alwaysTied = alwaysTied
        self.headsFillWidth = headsFillWidth
    }

    /// All known architectures. Of two with the same GGUF name, the first is the default.
    package static let all: [Architecture] = [.llama, .mistral, .qwen2, .qwen3, .gemma2, .gemma3, .phi3]

    /// The `model_type` of the language model in models with several parts, by their own, if the configuration does not name it.
    package static let textModelTypes = [
        "gemma3": "gemma3_text", "llava": "llama", "llava_next": "llama", "vipllava": "llama", "mistral3": "mistral",
    ]

    package static let headName = "lm_head.weight"
    package static let embeddingName = "model.embed_tokens.weight"
    package static let blockCountKey = "num_hidden_layers"
}

/// A tensor's two names, without `.weight` or `.bias`, its shape, and its bias. `#` stands for the block number.
package struct TensorRule: Sendable {
    /// A dimension, determined by the configuration.
    package enum Extent: Sendable {
        case vocabulary
        case width
        case feedForward
        /// Two feed-forward matrices in one.
        case gateAndUp
        /// All heads together.
        case queries
        /// All key or value heads together.
        case keys
        /// Queries, keys and values in one.
        case attention
        case head
    }

    /// The raw value is the key in config.json that counts them.
    package enum Heads: String, Sendable {
        case ofQueries = "num_attention_heads"
        /// Also the value heads.
        case ofKeys = "num_key_value_heads"
    }

    /// The bias added to the products.
    package enum Bias: Sendable {
        case none
        case required
        /// Present if the key of config.json is true; a `lenient` one may be missing and is then zero. `loadable`: whether GGUF loaders
        /// accept it.
        case flagged(String, lenient: Bool = false, loadable: Bool = true)
    }

    package enum Change: Sendable {
        /// The same elements in both formats.
        case none
        /// GGUF interleaves the rows of each head.
        case interleaved(Heads)
        /// GGUF adds 1.
        case plusOne
    }

    package let huggingFace: String
    package let gguf: String
    /// Shape of the weight, rows first. A bias has one element per row of the weight.
    package let shape: [Extent]
    package let change: Change
    package let bias: Bias

    package init(_ huggingFace: String, _ gguf: String, _ shape: Extent..., change: Change = .none, bias: Bias = .none) {
        self.huggingFace = huggingFace
        self.gguf = gguf
        self.shape = shape
        self.change = change
        self.bias = bias
    }
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
    /// `sliding_window`, which GGUF loaders ignore.
    case unusedWindow
    /// `query_pre_attn_scalar`: loaders use the head size, or width / heads in models with this number of layers.
    case queryScalar(layersOfWidthByHeads: Int)
    /// A flag in config.json that states whether the tensor exists.
    case flag(String, tensor: String)
}
