internal import QAMFormat

/// The shape of a llama-family model: what its forward pass needs to know beside its weights.
public struct TransformerConfiguration: Hashable, Sendable {
    /// How positions turn queries and keys.
    public struct Rotary: Hashable, Sendable {
        public enum Scaling: Hashable, Sendable {
            case none
            /// Positions are divided by `factor`.
            case linear(factor: Double)
            /// Llama 3: low frequencies are divided by `factor`, high ones kept, those between interpolated; the bounds are
            /// `originalContext` by wavelengths.
            case llama3(factor: Double, lowFrequencyFactor: Double, highFrequencyFactor: Double, originalContext: Int)
        }

        public var base: Double
        public var scaling: Scaling

        public init(base: Double = 10000, scaling: Scaling = .none) {
            self.base = base
            self.scaling = scaling
        }
    }

    /// What the tokens of some layers see at most.
    public struct SlidingWindow: Hashable, Sendable {
        /// So many tokens, itself included.
        public var tokens: Int
        /// Layers before this one see all.
        public var firstLayer: Int

        public init(tokens: Int, firstLayer: Int = 0) {
            self.tokens = tokens
            self.firstLayer = firstLayer
        }
    }

    /// Which output matrix the model has.
    public enum Head: Hashable, Sendable {
        /// The embedding.
        case tied
        /// `lm_head.weight`.
        case own
        /// `lm_head.weight` where the model has it, else the embedding.
        case asFound
    }

    public var vocabularySize: Int
    /// The length of a token's vector.
    public var width: Int
    public var feedForwardWidth: Int
    public var layerCount: Int
    public var headCount: Int
    /// Heads of keys and values, each shared by `headCount / keyValueHeadCount` heads of queries.
    public var keyValueHeadCount: Int
    public var headWidth: Int
    public var normEpsilon: Double
    public var rotary = Rotary()
    public var slidingWindow: SlidingWindow?
    public var head = Head.asFound

    public init(
        vocabularySize: Int, width: Int, feedForwardWidth: Int, layerCount: Int, headCount: Int, keyValueHeadCount: Int, headWidth: Int,
        normEpsilon: Double
    ) {
        self.vocabularySize = vocabularySize
        self.width = width
        self.feedForwardWidth = feedForwardWidth
        self.layerCount = layerCount
        self.headCount = headCount
        self.keyValueHeadCount = keyValueHeadCount
        self.headWidth = headWidth
        self.normEpsilon = normEpsilon
    }

    /// How many tokens those of a layer see at most; nil for all before them.
    func window(ofLayer layer: Int) -> Int? { slidingWindow.flatMap { layer >= $0.firstLayer ? $0.tokens : nil } }

    /// Dimensions up to this are believed: products of two of them and a handful cannot overflow.
    private static let largestDimension = 1 << 24

    /// Throws `malformed` for what no model can mean.
    func check() throws {
        func fault(_ message: String) -> QAMError { QAMError(.malformed, "the model's configuration: \(message)") }
        let counts = [
            ("vocabulary", vocabularySize), ("width", width), ("width of the feed-forward part", feedForwardWidth), ("number of layers", layerCount),
            ("number of heads", headCount), ("number of heads of keys and values", keyValueHeadCount), ("width of a head", headWidth),
        ]
        for (name, count) in counts where !(1...Self.largestDimension).contains(count) { throw fault("its \(name) is \(count)") }
        guard headCount % keyValueHeadCount == 0 else {
            throw fault("\(headCount) heads cannot share \(keyValueHeadCount) heads of keys and values evenly")
        }
        guard headWidth % 2 == 0 else { throw fault("heads of \(headWidth) numbers cannot be turned in pairs") }
        guard normEpsilon >= 0, normEpsilon < 1 else { throw fault("norms with an epsilon of \(normEpsilon) have no meaning") }
        if let slidingWindow, slidingWindow.tokens < 1 || slidingWindow.firstLayer < 0 { throw fault("a token would not see itself") }
        guard rotary.isSensible else { throw fault("its rotary embedding has no meaning") }
    }
}

extension TransformerConfiguration.Rotary {
    fileprivate var isSensible: Bool {
        func isPositive(_ values: Double...) -> Bool { values.allSatisfy { $0 > 0 && $0.isFinite } }
        guard isPositive(base) else { return false }
        switch scaling {
        case .none: return true
        case .linear(let factor): return isPositive(factor)
        case .llama3(let factor, let low, let high, let context): return isPositive(factor, low, high, Double(context)) && low < high
        }
    }
}
