package import Architectures
internal import QAMFormat

/// The hyperparameters of a model's forward pass.
package struct TransformerConfiguration: Sendable {
    /// Some of a model's layers.
    package enum Layers: Hashable, Sendable {
        case from(Int)
        /// All but every n-th.
        case allBut(every: Int)
        /// For each layer whether it is one of them.
        case listed([Bool])

        func contains(_ layer: Int) -> Bool {
            switch self {
            case .from(let first): layer >= first
            case .allBut(let period): (layer + 1) % period != 0
            case .listed(let layers): layers.indices.contains(layer) && layers[layer]
            }
        }
    }

    /// The sliding window of some layers.
    package struct SlidingWindow: Hashable, Sendable {
        /// The window's length, including the token itself.
        package var tokens: Int
        package var layers: Layers

        package init(tokens: Int, layers: Layers = .from(0)) {
            self.tokens = tokens
            self.layers = layers
        }
    }

    /// The output matrix of the model.
    package enum Head: Hashable, Sendable {
        /// `lm_head.weight`.
        case own
        /// `lm_head.weight` if present, else the embedding.
        case asFound
    }

    /// The embedding's and the head's tensors and those of the layers, as the architecture's table names them.
    package let shape: ModelShape
    package var vocabularySize: Int
    /// The length of a token's vector.
    package var width: Int
    package var feedForwardWidth: Int
    package var layerCount: Int
    package var headCount: Int
    /// KV heads, each shared by `headCount / keyValueHeadCount` query heads.
    package var keyValueHeadCount: Int
    /// The width of a query's and a key's head.
    package var headWidth: Int
    package var normEpsilon: Double
    package var activation = ForwardPass.Activation.silu
    package var rotary = Rotary()
    /// That of layers with a sliding window, if it is another.
    package var windowRotary: Rotary?
    /// The layers that have a rotary embedding; nil for all.
    package var rotatedLayers: Layers?
    package var slidingWindow: SlidingWindow?
    /// The factor of query-key products; nil for 1 / sqrt(head width).
    package var attentionScale: Double?
    /// Scaled query-key products s become cap * tanh(s / cap).
    package var attentionCap: Double?
    /// Logits l become cap * tanh(l / cap).
    package var logitCap: Double?
    package var embeddingScale = 1.0
    /// The factor of what attention and feed-forward network add.
    package var residualScale = 1.0
    package var logitScale = 1.0
    package var experts: ExpertRouting?
    package var latentAttention: LatentAttention?
    package var head = Head.asFound

    /// The width of a value's head.
    var valueWidth: Int { latentAttention?.valueWidth ?? headWidth }

    /// Where the rotated part of a head begins.
    var rotaryOffset: Int { latentAttention.map { headWidth - $0.rotatedWidth } ?? 0 }

    init(_ shape: ModelShape, normEpsilon: Double) {
        self.shape = shape
        vocabularySize = shape.vocabulary
        width = shape.width
        feedForwardWidth = shape.feedForward
        layerCount = shape.layers
        headCount = shape.heads
        keyValueHeadCount = shape.keyValueHeads
        headWidth = shape.headSize
        self.normEpsilon = normEpsilon
    }

    /// The length of a layer's sliding window, or nil.
    func window(ofLayer layer: Int) -> Int? { slidingWindow.flatMap { $0.layers.contains(layer) ? $0.tokens : nil } }

    /// A layer's rotary embedding, or nil.
    func rotary(ofLayer layer: Int) -> Rotary? {
        guard rotatedLayers?.contains(layer) ?? true else { return nil }
        return window(ofLayer: layer) == nil ? rotary : windowRotary ?? rotary
    }
}
