internal import QAMFormat

extension TransformerConfiguration {
    /// The largest dimension accepted: products of two of them and a small factor cannot overflow.
    private static let largestDimension = 1 << 24

    /// Throws `malformed` for invalid values.
    func check() throws {
        func fault(_ message: String) -> QAMError { QAMError(.malformed, "the model's configuration: \(message)") }
        var counts = [
            ("vocabulary", vocabularySize), ("width", width), ("feed-forward width", feedForwardWidth), ("number of layers", layerCount),
            ("number of heads", headCount), ("number of KV heads", keyValueHeadCount), ("head width", headWidth),
        ]
        if let experts {
            counts += [("number of experts", experts.count), ("experts' width", experts.width), ("number of experts per token", experts.used)]
            guard experts.isSensible else { throw fault("its experts are chosen \(experts.used) of \(experts.count), in \(experts.groups) groups") }
        }
        if let latentAttention {
            counts += [
                ("latent width", latentAttention.latentWidth), ("values' head width", latentAttention.valueWidth),
                ("rotated width", latentAttention.rotatedWidth), ("queries' latent width", latentAttention.queryWidth ?? 1),
            ]
        }
        for (name, count) in counts where !(1...Self.largestDimension).contains(count) { throw fault("its \(name) is \(count)") }
        guard headCount % keyValueHeadCount == 0 else {
            throw fault("\(headCount) heads are not a multiple of \(keyValueHeadCount) KV heads")
        }
        guard normEpsilon >= 0, normEpsilon < 1 else { throw fault("the epsilon \(normEpsilon) of its norms is invalid") }
        if let slidingWindow, slidingWindow.tokens < 1 || !slidingWindow.layers.isSensible { throw fault("its sliding window is invalid") }
        for rotary in [rotary] + (windowRotary.map { [$0] } ?? []) {
            guard rotary.isSensible else { throw fault("its rotary embedding is invalid") }
            let width = rotary.width ?? headWidth
            guard width % 2 == 0, (2...headWidth).contains(width) else {
                throw fault("a rotary embedding of \(width) elements of a head of \(headWidth) is impossible: it needs pairs")
            }
        }
        let factors = [attentionScale, attentionCap, logitCap, embeddingScale, residualScale, logitScale].compactMap(\.self)
        guard factors.allSatisfy({ $0.isFinite && $0 != 0 }), (attentionCap ?? 1) > 0, (logitCap ?? 1) > 0 else {
            throw fault("a scale or a cap of it is invalid")
        }
    }
}

extension TransformerConfiguration.Layers {
    fileprivate var isSensible: Bool {
        switch self {
        case .from(let first): first >= 0
        case .allBut(let period): period > 0
        case .listed: true
        }
    }
}
