internal import QAMFormat

/// The backward pass of a layer.
struct LayerGradient {
    /// Receives the gradients at the outputs of a matrix, before the bias: one vector per token.
    typealias Observer = (_ matrix: String, _ gradients: FloatMatrix) -> Void

    private let layer: TransformerLayer
    private let pass: LayerPass
    private let inverseRotary: RotaryTable
    private let query: TransposedLinear
    private let key: TransposedLinear
    private let value: TransposedLinear
    private let output: TransposedLinear
    private let gate: TransposedLinear
    private let up: TransposedLinear
    private let down: TransposedLinear

    /// Reads all weights of the layer, which take `byteCount` bytes.
    ///
    /// - Parameter inverseRotary: the inverse of the forward pass's rotary table.
    init(_ layer: TransformerLayer, pass: LayerPass, inverseRotary: RotaryTable) throws {
        func transposed(_ projection: TransformerLayer.Projection) throws -> TransposedLinear {
            try TransposedLinear(projection.matrix, pool: pass.pool)
        }
        self.layer = layer
        self.pass = pass
        self.inverseRotary = inverseRotary
        query = try transposed(layer.query)
        key = try transposed(layer.key)
        value = try transposed(layer.value)
        output = try transposed(layer.output)
        gate = try transposed(layer.gate)
        up = try transposed(layer.up)
        down = try transposed(layer.down)
    }

    /// The memory for a layer's weights.
    static func byteCount(_ layer: TransformerLayer) -> Int {
        layer.inputs.joined().reduce(0) { $0 + TransposedLinear.byteCount($1) }
    }

    /// The memory per token in the backward pass, not including the KV cache.
    static func bytesOfToken(_ configuration: TransformerConfiguration) -> Int {
        let c = configuration
        return LayerPass.bytesOfToken(c)
            + MemoryLayout<Float>.stride * (4 * c.width + 3 * c.feedForwardWidth + (7 * c.headCount + 5 * c.keyValueHeadCount) * c.headWidth)
    }

    /// Replaces the gradient at a layer's outputs by the gradient at its inputs, for one window. The pass's observer gets the inputs of all matrices.
    ///
    /// - Parameters:
    ///   - x: the layer's inputs.
    ///   - cache: overwritten.
    func apply(to gradient: FloatMatrix, at x: FloatMatrix, _ cache: KeyValueCache, observer: Observer) throws {
        let trace = try pass.trace(layer, FloatMatrix(copying: x, 0..<x.count), cache)
        if let inputs = pass.observer {
            let product = FloatMatrix(copying: trace.gate, 0..<x.count)
            pass.pool.forEach(0..<x.count, grain: 16) { for t in $0 { FloatKernels.siluProduct(product, trace.up, t) } }
            try inputs([layer.down.matrix.name], product)
        }
        feedForward(gradient, trace, observer)
        attend(gradient, x, trace, cache, observer)
    }

    private func feedForward(_ gradient: FloatMatrix, _ trace: LayerTrace, _ observer: Observer) {
        observer(layer.down.matrix.name, gradient)
        let product = down.multiply(gradient, pool: pass.pool)
        pass.pool.forEach(0..<product.count, grain: 16) { tokens in
            for t in tokens { FloatKernels.siluProductGradient(trace.gate, trace.up, t, gradient: product) }
        }
        observer(layer.gate.matrix.name, trace.gate)
        observer(layer.up.matrix.name, trace.up)
        addInputs([(gate, trace.gate), (up, trace.up)], layer.feedForwardNorm, at: trace.attended, to: gradient)
    }

    private func attend(_ gradient: FloatMatrix, _ x: FloatMatrix, _ trace: LayerTrace, _ cache: KeyValueCache, _ observer: Observer) {
        let c = pass.configuration, pool = pass.pool
        observer(layer.output.matrix.name, gradient)
        let attention = AttentionGradient(attention: Attention(configuration: c, window: layer.window))
        let found = attention.apply(output.multiply(gradient, pool: pool), trace.attention, cache, pool: pool)
        pool.forEach(0..<x.count, grain: 16) { tokens in
            for t in tokens {
                normAndRotaryGradient(found.queries, t, heads: c.headCount, layer.queryNorm, plain: trace.attention.plainQueries)
                normAndRotaryGradient(found.keys, t, heads: c.keyValueHeadCount, layer.keyNorm, plain: trace.attention.plainKeys)
            }
        }
        observer(layer.query.matrix.name, found.queries)
        observer(layer.key.matrix.name, found.keys)
        observer(layer.value.matrix.name, found.values)
        addInputs([(query, found.queries), (key, found.keys), (value, found.values)], layer.inputNorm, at: x, to: gradient)
    }

    /// Backward through the rotary embedding, and through the head norms if there are any.
    private func normAndRotaryGradient(_ gradient: FloatMatrix, _ t: Int, heads: Int, _ norm: [Float]?, plain: FloatMatrix?) {
        let c = pass.configuration
        for offset in stride(from: 0, to: heads * c.headWidth, by: c.headWidth) {
            inverseRotary.rotate(gradient, t, offset: offset, position: t)
            if let norm, let plain {
                NormGradient.apply(to: gradient, at: plain, t, offset: offset, norm, epsilon: c.normEpsilon)
            }
        }
    }

    /// Adds to the gradient at `x` the contributions of matrices that read the same normalised vectors.
    private func addInputs(
        _ outputs: [(matrix: TransposedLinear, gradient: FloatMatrix)], _ norm: [Float], at x: FloatMatrix, to gradient: FloatMatrix
    ) {
        let parts = outputs.map { $0.matrix.multiply($0.gradient, pool: pass.pool) }
        pass.pool.forEach(0..<x.count, grain: 16) { tokens in
            for t in tokens {
                for part in parts.dropFirst() { FloatKernels.add(part, t, to: parts[0], t) }
                NormGradient.apply(to: parts[0], at: x, t, norm, epsilon: pass.configuration.normEpsilon)
                FloatKernels.add(parts[0], t, to: gradient, t)
            }
        }
    }
}
