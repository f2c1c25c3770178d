internal import QAMFormat

/// The backward pass of a layer.
struct LayerGradient {
    /// Receives the gradients at the outputs of a matrix, before the bias: one vector per token.
    typealias Observer = (_ matrix: String, _ gradients: FloatMatrix) -> Void

    private let layer: TransformerLayer
    private let pass: LayerPass
    private let transposed: RotaryTables
    private let attention: AttentionProjectionsGradient
    private let feedForward: FeedForwardGradient

    /// Reads all weights of the layer, which take `byteCount` bytes.
    ///
    /// - Parameter transposed: the transposes of the forward pass's rotary tables.
    init(_ layer: TransformerLayer, pass: LayerPass, transposed: RotaryTables) throws {
        self.layer = layer
        self.pass = pass
        self.transposed = transposed
        attention = try AttentionProjectionsGradient(layer.attention, pass)
        feedForward = try FeedForwardGradient(layer.feedForward, pass)
    }

    /// The memory for a layer's weights.
    static func byteCount(_ layer: TransformerLayer) -> Int {
        layer.inputs.joined().reduce(0) { $0 + TransposedLinear.byteCount($1) }
    }

    /// The memory per token in the backward pass, not including the KV cache.
    static func bytesOfToken(_ configuration: TransformerConfiguration) -> Int {
        let c = configuration, inner = max(c.feedForwardWidth, c.experts.map { $0.used * ($0.width + c.width) } ?? 0)
        return LayerPass.bytesOfToken(c)
            + MemoryLayout<Float>.stride * (4 * c.width + 3 * inner + (7 * c.headCount + 5 * c.keyValueHeadCount) * max(c.headWidth, c.valueWidth))
    }

    /// Replaces the gradient at a layer's outputs by the gradient at its inputs, for one window. The pass's observer gets the inputs of all matrices.
    ///
    /// - Parameters:
    ///   - x: the layer's inputs.
    ///   - cache: overwritten.
    func apply(to gradient: FloatMatrix, at x: FloatMatrix, _ cache: KeyValueCache, observer: Observer) throws {
        let trace = try pass.trace(layer, FloatMatrix(copying: x, 0..<x.count), cache)
        try passFeedForward(gradient, trace, observer)
        attend(gradient, x, trace, cache, observer)
    }

    private func passFeedForward(_ gradient: FloatMatrix, _ trace: LayerTrace, _ observer: Observer) throws {
        let normal = pass.normalized(trace.attended, layer.feedForwardNorm), added = scaled(gradient)
        if let norm = layer.feedForwardOutputNorm {
            var unobserved = pass
            unobserved.observer = nil
            passNorm(added, at: try unobserved.apply(layer.feedForward, to: normal), norm)
        }
        let input = try feedForward.apply(added, at: normal, observer)
        add(input, layer.feedForwardNorm, at: trace.attended, to: gradient)
    }

    private func attend(_ gradient: FloatMatrix, _ x: FloatMatrix, _ trace: LayerTrace, _ cache: KeyValueCache, _ observer: Observer) {
        let added = scaled(gradient), weights = layer.attention
        if let norm = layer.attentionOutputNorm, let output = trace.attention.output { passNorm(added, at: output, norm) }
        let attended = attention.passOutput(added, observer)
        let found = AttentionGradient(attention: Attention(pass.configuration, layer)).apply(attended, trace.attention, cache, pool: pass.pool)
        let table = layer.rotary.flatMap { transposed[$0] }
        pass.pool.forEach(0..<x.count, grain: 16) { tokens in
            for t in tokens {
                passRotaryAndNorm(found.queries, t, weights.queryNorm, plain: trace.attention.plainQueries, table)
                passRotaryAndNorm(found.keys, t, weights.keyNorm, plain: trace.attention.plainKeys, table)
            }
        }
        add(attention.apply(found, trace.attention, observer), layer.inputNorm, at: x, to: gradient)
    }

    /// Backward through the rotary embedding, and through the norms of queries or keys if there are any.
    private func passRotaryAndNorm(_ gradient: FloatMatrix, _ t: Int, _ norm: [Float]?, plain: FloatMatrix?, _ table: RotaryTable?) {
        let c = pass.configuration
        if let table {
            for offset in stride(from: c.rotaryOffset, to: gradient.width, by: c.headWidth) { table.rotate(gradient, t, offset: offset, position: t) }
        }
        guard let norm, let plain else { return }
        for offset in stride(from: 0, to: gradient.width, by: norm.count) {
            NormGradient.apply(to: gradient, at: plain, t, offset: offset, norm, epsilon: c.normEpsilon)
        }
    }

    /// A copy of the gradient at a layer's outputs: that at what is added, with the scale of residuals.
    private func scaled(_ gradient: FloatMatrix) -> FloatMatrix {
        let copy = FloatMatrix(copying: gradient, 0..<gradient.count), scale = Float(pass.configuration.residualScale)
        guard scale != 1 else { return copy }
        for t in 0..<copy.count { FloatKernels.scale(copy, t, 0..<copy.width, by: scale) }
        return copy
    }

    private func passNorm(_ gradient: FloatMatrix, at x: FloatMatrix, _ norm: [Float]) {
        pass.pool.forEach(0..<x.count, grain: 16) { tokens in
            for t in tokens { NormGradient.apply(to: gradient, at: x, t, norm, epsilon: pass.configuration.normEpsilon) }
        }
    }

    /// Adds the gradient at the normalised vectors of `x`, overwritten, to the gradient at x.
    private func add(_ part: FloatMatrix, _ norm: [Float]?, at x: FloatMatrix, to gradient: FloatMatrix) {
        if let norm { passNorm(part, at: x, norm) }
        pass.pool.forEach(0..<x.count, grain: 16) { for t in $0 { FloatKernels.add(part, t, to: gradient, t) } }
    }
}
