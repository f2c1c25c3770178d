import QAMFormat

/// What a family of models is called, how its tensors and hyperparameters are named by Hugging Face and in GGUF, and what else
/// differs between the two: a table for each, in a file of its own.
struct Architecture: Sendable {
    /// `general.architecture`, which is also the prefix of its keys.
    let gguf: String
    /// `model_type` in config.json, the one that is written first.
    let modelTypes: [String]
    /// The class in config.json's `architectures`.
    let className: String
    let tensors: [TensorRule]
    let hyperparameters: [Hyperparameter]
    let features: [Feature]
    /// Values that config.json must have where it has the key, the one that is written first: GGUF takes them for granted.
    let fixed: [(key: String, values: [JSONValue])]
    /// Whether loaders of GGUF always take the embedding for the output head.
    let alwaysTied: Bool

    init(
        gguf: String, modelTypes: [String], className: String, tensors: [TensorRule], hyperparameters: [Hyperparameter],
        features: [Feature], fixed: [(key: String, values: [JSONValue])], alwaysTied: Bool = false
    ) {
        self.gguf = gguf
        self.modelTypes = modelTypes
        self.className = className
        self.tensors = tensors
        self.hyperparameters = hyperparameters
        self.features = features
        self.fixed = fixed
        self.alwaysTied = alwaysTied
    }

    /// All that are known. Of two with one GGUF name the first is meant where nothing tells.
    static let all: [Architecture] = [.llama, .mistral, .qwen2, .qwen3, .gemma2, .gemma3, .phi3]

    static let headName = "lm_head.weight"
    static let embeddingName = "model.embed_tokens.weight"
    static let blockCountKey = "num_hidden_layers"
}

/// A tensor's two names, without `.weight` or `.bias`, which both may have; `#` stands for the number of the block.
struct TensorRule: Sendable {
    enum Change: Sendable {
        /// The same elements in both.
        case none
        /// GGUF has the rows of each head interleaved; the heads are counted by a key of config.json.
        case interleaved(heads: String)
        /// GGUF has 1 added.
        case plusOne
    }

    let huggingFace: String
    let gguf: String
    let change: Change

    init(_ huggingFace: String, _ gguf: String, _ change: Change = .none) {
        self.huggingFace = huggingFace
        self.gguf = gguf
        self.change = change
    }
}

/// What loaders have to know of a model beside single numbers, each with code of its own.
enum Feature: Hashable, Sendable {
    /// `rope.dimension_count`: the size of a head, or the share of it that `partial_rotary_factor` says.
    case ropeDimensions
    /// `rope_scaling` of the kinds linear, yarn and llama3.
    case ropeScaling
    /// `rope_scaling` of the kind longrope: factors for each frequency.
    case longRope
    /// Every so many-th layer looks at everything, the others at a window; GGUF says it where it is another than loaders assume.
    case slidingPattern(assumed: Int)
    /// `query_pre_attn_scalar`: loaders take the size of a head, and in models of so many layers width by heads.
    case queryScalar(layersOfWidthByHeads: Int)
    /// A flag in config.json that says whether there is such a tensor.
    case flag(String, tensor: String)
}
