internal import QAMFormat

/// The forward pass of a layer for consecutive tokens.
struct LayerPass {
    /// Receives the input vectors of matrices, and the names of the matrices.
    typealias Observer = (_ matrices: [String], _ vectors: FloatMatrix) throws -> Void

    let configuration: TransformerConfiguration
    let rotary: RotaryTable
    let pool: WorkerPool
    /// Called before each layer; an error that it throws ends the pass.
    var checkpoint: () throws -> Void = {}
    var observer: Observer?

    /// The memory per token in a layer, including its entry in the rotary table.
    static func bytesOfToken(_ configuration: TransformerConfiguration) -> Int {
        let c = configuration, heads = 2 * c.headCount + 2 * c.keyValueHeadCount
        return MemoryLayout<Float>.stride * (3 * c.width + 2 * c.feedForwardWidth + (heads + 1) * c.headWidth)
    }

    /// Adds to each vector of `x` the outputs of attention and feed-forward network.
    ///
    /// - Parameters:
    ///   - cache: the layer's keys and values of all earlier tokens; those of these tokens are added.
    ///   - position: the position of the first token.
    func apply(_ layer: TransformerLayer, to x: FloatMatrix, _ cache: KeyValueCache, position: Int) throws {
        try checkpoint()
        try attend(x, layer, cache, position)
        let (gate, up) = try gateAndUp(x, layer)
        pool.forEach(0..<x.count, grain: 16) { for t in $0 { FloatKernels.siluProduct(gate, up, t) } }
        add(try multiply([layer.down.matrix], gate) { try layer.down.apply($0, pool: pool) }, to: x)
    }

    /// Like `apply` for `x`, a whole text, but without adding the last matrix's products; returns the intermediate values, which are
    /// bit-identical to those of `apply`.
    ///
    /// - Parameter cache: receives the layer's keys and values.
    func trace(_ layer: TransformerLayer, _ x: FloatMatrix, _ cache: KeyValueCache) throws -> LayerTrace {
        try checkpoint()
        let attention = try attend(x, layer, cache, 0, keepingPlain: true)
        let (gate, up) = try gateAndUp(x, layer)
        return LayerTrace(attention: attention, attended: x, gate: gate, up: up)
    }

    @discardableResult
    private func attend(
        _ x: FloatMatrix, _ layer: TransformerLayer, _ cache: KeyValueCache, _ position: Int, keepingPlain: Bool = false
    ) throws -> LayerTrace.Attention {
        let c = configuration
        let normal = FloatMatrix(count: x.count, width: x.width)
        normalize(x, layer.inputNorm, into: normal)
        let (queries, keys, values) = try multiply([layer.query.matrix, layer.key.matrix, layer.value.matrix], normal) { input in
            (try layer.query.apply(input, pool: pool), try layer.key.apply(input, pool: pool), try layer.value.apply(input, pool: pool))
        }
        let plainQueries = keepingPlain && layer.queryNorm != nil ? FloatMatrix(copying: queries, 0..<x.count) : nil
        let plainKeys = keepingPlain && layer.keyNorm != nil ? FloatMatrix(copying: keys, 0..<x.count) : nil
        pool.forEach(0..<x.count, grain: 16) { tokens in
            for t in tokens {
                normalizeAndRotate(queries, t, heads: c.headCount, norm: layer.queryNorm, position: position + t)
                normalizeAndRotate(keys, t, heads: c.keyValueHeadCount, norm: layer.keyNorm, position: position + t)
            }
        }
        cache.store(keys: keys, values: values, at: position, count: x.count)
        let seen = Attention(configuration: c, window: layer.window).apply(queries, count: x.count, cache, position: position, pool: pool)
        add(try multiply([layer.output.matrix], seen) { try layer.output.apply($0, pool: pool) }, to: x)
        return LayerTrace.Attention(plainQueries: plainQueries, plainKeys: plainKeys, queries: queries, keys: keys, values: values)
    }

    private func gateAndUp(_ x: FloatMatrix, _ layer: TransformerLayer) throws -> (gate: FloatMatrix, up: FloatMatrix) {
        let normal = FloatMatrix(count: x.count, width: x.width)
        normalize(x, layer.feedForwardNorm, into: normal)
        return try multiply([layer.gate.matrix, layer.up.matrix], normal) { input in
            (try layer.gate.apply(input, pool: pool), try layer.up.apply(input, pool: pool))
        }
    }

    /// Multiplies vectors by matrices, after calling the observer.
    private func multiply<Result>(
        _ matrices: [any Linear], _ vectors: FloatMatrix, _ body: (LayerInput) throws -> Result
    ) throws -> Result {
        try observer?(matrices.map(\.name), vectors)
        return try body(LayerInput(vectors))
    }

    private func normalizeAndRotate(_ x: FloatMatrix, _ t: Int, heads: Int, norm: [Float]?, position: Int) {
        let c = configuration
        for offset in stride(from: 0, to: heads * c.headWidth, by: c.headWidth) {
            if let norm { FloatKernels.normalize(x, t, offset: offset, norm, epsilon: Float(c.normEpsilon), into: x) }
            rotary.rotate(x, t, offset: offset, position: position)
        }
    }

    func normalize(_ x: FloatMatrix, _ weight: [Float], into out: FloatMatrix) {
        let epsilon = Float(configuration.normEpsilon)
        pool.forEach(0..<x.count, grain: 16) { for t in $0 { FloatKernels.normalize(x, t, weight, epsilon: epsilon, into: out) } }
    }

    private func add(_ y: FloatMatrix, to x: FloatMatrix) {
        pool.forEach(0..<x.count, grain: 16) { for t in $0 { FloatKernels.add(y, t, to: x, t) } }
    }
}
