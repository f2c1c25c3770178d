internal import QAMFormat

/// The hyperparameters of a llama-family model's forward pass.
package struct TransformerConfiguration: Hashable, Sendable {
    /// The rotary position embedding.
    package struct Rotary: Hashable, Sendable {
        package enum Scaling: Hashable, Sendable {
            case none
            /// Positions are divided by `factor`.
            case linear(factor: Double)
            /// Llama 3: low frequencies are divided by `factor`, high ones kept, those between interpolated; the bounds are
            /// `originalContext` divided by the factors, as wavelengths.
            case llama3(factor: Double, lowFrequencyFactor: Double, highFrequencyFactor: Double, originalContext: Int)
        }

        package var base: Double
        package var scaling: Scaling

        package init(base: Double = 10000, scaling: Scaling = .none) {
            self.base = base
            self.scaling = scaling
        }
    }

    /// The sliding window of some layers.
    package struct SlidingWindow: Hashable, Sendable {
        /// The window's length, including the token itself.
        package var tokens: Int
        /// Layers before this one have no window.
        package var firstLayer: Int

        package init(tokens: Int, firstLayer: Int = 0) {
            self.tokens = tokens
            self.firstLayer = firstLayer
        }
    }

    /// The output matrix of the model.
    package enum Head: Hashable, Sendable {
        /// `lm_head.weight`.
        case own
        /// `lm_head.weight` if present, else the embedding.
        case asFound
    }

    package var vocabularySize: Int
    /// The length of a token's vector.
    package var width: Int
    package var feedForwardWidth: Int
    package var layerCount: Int
    package var headCount: Int
    /// KV heads, each shared by `headCount / keyValueHeadCount` query heads.
    package var keyValueHeadCount: Int
    package var headWidth: Int
    package var normEpsilon: Double
    package var rotary = Rotary()
    package var slidingWindow: SlidingWindow?
    package var head = Head.asFound

    package init(
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

    /// The length of a layer's sliding window, or nil.
    func window(ofLayer layer: Int) -> Int? { slidingWindow.flatMap { layer >= $0.firstLayer ? $0.tokens : nil } }

    /// The largest dimension accepted: products of two of them and a small factor cannot overflow.
    private static let largestDimension = 1 << 24

    /// Throws `malformed` for invalid values.
    func check() throws {
        func fault(_ message: String) -> QAMError { QAMError(.malformed, "the model's configuration: \(message)") }
        let counts = [
            ("vocabulary", vocabularySize), ("width", width), ("feed-forward width", feedForwardWidth), ("number of layers", layerCount),
            ("number of heads", headCount), ("number of KV heads", keyValueHeadCount), ("head width", headWidth),
        ]
        for (name, count) in counts where !(1...Self.largestDimension).contains(count) { throw fault("its \(name) is \(count)") }
        guard headCount % keyValueHeadCount == 0 else {
            throw fault("\(headCount) heads are not a multiple of \(keyValueHeadCount) KV heads")
        }
        guard headWidth % 2 == 0 else { throw fault("a head width of \(headWidth) is odd, but the rotary embedding needs pairs") }
        guard normEpsilon >= 0, normEpsilon < 1 else { throw fault("the epsilon \(normEpsilon) of its norms is invalid") }
        if let slidingWindow, slidingWindow.tokens < 1 || slidingWindow.firstLayer < 0 { throw fault("its sliding window is invalid") }
        guard rotary.isSensible else { throw fault("its rotary embedding is invalid") }
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
