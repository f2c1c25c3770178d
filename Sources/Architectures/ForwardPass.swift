/// What a decoder computes beyond what its tensors and hyperparameters tell. Norms are those of root mean squares; attention and feed-forward network
/// follow each other.
package struct ForwardPass: Sendable {
    package enum Activation: Hashable, Sendable {
        /// x / (1 + exp(-x)).
        case silu
        /// The tanh form of x times the normal distribution function.
        case gelu
        /// max(0, x)^2.
        case squaredReLU
        /// gpt-oss's: a gate of at most 7, x / (1 + exp(-1.702 x)), times an up between -7 and 7, plus 1.
        case clampedGate
    }

    /// The layers that have a sliding window, where `layer_types` does not tell.
    package enum Windows: Hashable, Sendable {
        /// None, even if the configuration has a window.
        case none
        /// All, if the configuration has a window.
        case all
        /// If `use_sliding_window` is true, those from `max_window_layers` on.
        case last
        /// All but every n-th; n may be given by `sliding_window_pattern`.
        case allBut(every: Int)
    }

    /// The elements of a head that are rotated together.
    package enum RotaryPairs: Hashable, Sendable {
        /// Those half of the rotated part apart.
        case halves
        /// Neighbours.
        case neighbours
    }

    /// How a router's outputs become the experts' weights, where hyperparameters do not tell.
    package struct Routing: Hashable, Sendable {
        package enum Scores: Hashable, Sendable {
            case softmax
            case sigmoid
        }

        package enum Normalization: Hashable, Sendable {
            /// The chosen experts' weights sum to 1.
            case always
            /// As `norm_topk_prob` says.
            case asConfigured
        }

        package var scores: Scores
        package var normalization: Normalization
        /// The score of a group of experts is the sum of its best two; otherwise that of its best.
        package var groupsByTwo: Bool

        package init(_ scores: Scores, _ normalization: Normalization, groupsByTwo: Bool = false) {
            self.scores = scores
            self.normalization = normalization
            self.groupsByTwo = groupsByTwo
        }
    }

    package var activation: Activation
    package var windows: Windows
    package var rotaryPairs: RotaryPairs
    /// Layers without a sliding window have no rotary embedding, if other layers have a window.
    package var rotatesOnlyInWindows: Bool
    /// Whether the rotary embedding is scaled in layers with a sliding window too.
    package var scalesWindows: Bool
    /// Embeddings are multiplied by the root of the width.
    package var scalesEmbedding: Bool
    package var routing: Routing?

    package init(
        _ activation: Activation = .silu, windows: Windows = .none, rotaryPairs: RotaryPairs = .halves, rotatesOnlyInWindows: Bool = false,
        scalesWindows: Bool = true, scalesEmbedding: Bool = false, routing: Routing? = nil
    ) {
        self.activation = activation
        self.windows = windows
        self.rotaryPairs = rotaryPairs
        self.rotatesOnlyInWindows = rotatesOnlyInWindows
        self.scalesWindows = scalesWindows
        self.scalesEmbedding = scalesEmbedding
        self.routing = routing
    }
}
