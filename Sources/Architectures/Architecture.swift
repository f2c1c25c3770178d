internal import QAMFormat

/// What a family of models is called, how its tensors and hyperparameters are named by Hugging Face and in GGUF, and what else
/// differs between the two: a table for each, in a file of its own.
package struct Architecture: Sendable {
    /// `general.architecture`, which is also the prefix of its keys.
    package let gguf: String
    /// `model_type` in config.json, the one that is written first.
    package let modelTypes: [String]
    /// The class in config.json's `architectures`.
    package let className: String
    package let tensors: [TensorRule]
    package let hyperparameters: [Hyperparameter]
    package let features: [Feature]
    /// Values that config.json must have where it has the key, the one that is written first: GGUF takes them for granted.
    package let fixed: [(key: String, values: [JSONValue])]
    /// Keys of config.json that change no result in this architecture, beside those that change none in any.
    package let harmless: Set<String>
    /// Whether loaders of GGUF always take the embedding for the output head.
    package let alwaysTied: Bool
    /// Whether loaders of GGUF want heads that are as wide together as the model.
    package let headsFillWidth: Bool

    package init(
        gguf: String, modelTypes: [String], className: String, tensors: [TensorRule], hyperparameters: [Hyperparameter],
        features: [Feature], fixed: [(key: String, values: [JSONValue])], harmless: Set<String> = [], alwaysTied: Bool = false,
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
        self.alwaysTied = alwaysTied
        self.headsFillWidth = headsFillWidth
    }

    /// All that are known. Of two with one GGUF name the first is meant where nothing tells.
    package static let all: [Architecture] = [.llama, .mistral, .qwen2, .qwen3, .gemma2, .gemma3, .phi3]

    package static let headName = "lm_head.weight"
    package static let embeddingName = "model.embed_tokens.weight"
    package static let blockCountKey = "num_hidden_layers"
}

/// A tensor's two names, without `.weight` or `.bias`, its shape, and whether there is a bias; `#` stands for the number of the block.
package struct TensorRule: Sendable {
    /// A dimension, by what the configuration says.
    package enum Extent: Sendable {
        case vocabulary
        case width
        case feedForward
        /// Two matrices of the feed-forward part in one.
        case gateAndUp
        /// Of all heads.
        case queries
        /// Of all heads of keys and values.
        case keys
        /// Queries, keys and values in one.
        case attention
        case head
    }

    /// By the key of config.json that counts them.
    package enum Heads: String, Sendable {
        case ofQueries = "num_attention_heads"
        /// And of values.
        case ofKeys = "num_key_value_heads"
    }

    /// What is added to the products with the tensor.
    package enum Bias: Sendable {
        case none
        case required
        /// Where the key of config.json is true, which need not be so of the `lenient` ones: they are zeros then. `loadable`: whether
        /// loaders of GGUF take it.
        case flagged(String, lenient: Bool = false, loadable: Bool = true)
    }

    package enum Change: Sendable {
        /// The same elements in both.
        case none
        /// GGUF has the rows of each head interleaved.
        case interleaved(Heads)
        /// GGUF has 1 added.
        case plusOne
    }

    package let huggingFace: String
    package let gguf: String
    /// Of the weight, rows first. A bias has as many elements as the weight rows.
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

/// What loaders have to know of a model beside single numbers, each with code of its own.
package enum Feature: Hashable, Sendable {
    /// `rope.dimension_count`: the size of a head, or where it is `partial` the share of it that `partial_rotary_factor` says.
    case ropeDimensions(partial: Bool)
    /// `rope_scaling` of the kinds linear, yarn and llama3.
    case ropeScaling
    /// `rope_scaling` of the kind longrope: factors for each frequency.
    case longRope
    /// Every so many-th layer looks at everything, the others at a window; GGUF says it where it is another than loaders assume.
    case slidingPattern(assumed: Int)
    /// `sliding_window`, which loaders of GGUF leave unused.
    case unusedWindow
    /// `query_pre_attn_scalar`: loaders take the size of a head, and in models of so many layers width by heads.
    case queryScalar(layersOfWidthByHeads: Int)
    /// A flag in config.json that says whether there is such a tensor.
    case flag(String, tensor: String)
}
