internal import QAMFormat

/// The forward pass of a layer for consecutive tokens.
struct LayerPass {
    /// Receives the input vectors of matrices, and the names of the matrices.
    typealias Observer = (_ matrices: [String], _ vectors: FloatMatrix) throws -> Void

    let configuration: TransformerConfiguration
    let rotaries: RotaryTables
    let pool: WorkerPool
    /// Called before each layer; an error that it throws ends the pass.
    var checkpoint: () throws -> Void = {}
    var observer: Observer?

    /// The memory per token in a layer, including its entry in the rotary table.
    static func bytesOfToken(_ configuration: TransformerConfiguration) -> Int {
        let c = configuration, keys = c.headCount + c.keyValueHeadCount
        let inner = max(c.feedForwardWidth, c.experts.map { $0.used * ($0.width + c.width) } ?? 0)
        return MemoryLayout<Float>.stride * (3 * c.width + 2 * inner + (keys + 1) * c.headWidth + keys * c.valueWidth)
    }

    /// Adds to each vector of `x` the outputs of attention and feed-forward network.
    ///
    /// - Parameters:
    ///   - cache: the layer's keys and values of all earlier tokens; those of these tokens are added.
    ///   - position: the position of the first token.
    func apply(_ layer: TransformerLayer, to x: FloatMatrix, _ cache: KeyValueCache, position: Int) throws {
        try checkpoint()
        try attend(x, layer, cache, position)
        let out = try apply(layer.feedForward, to: normalized(x, layer.feedForwardNorm))
        add(out, layer.feedForwardOutputNorm, to: x)
    }

    /// The first half of `apply`, attention, for `x`, a whole text; returns the intermediate values, which are bit-identical to those of `apply`.
    ///
    /// - Parameter cache: receives the layer's keys and values.
    func trace(_ layer: TransformerLayer, _ x: FloatMatrix, _ cache: KeyValueCache) throws -> LayerTrace {
        try checkpoint()
        return LayerTrace(attention: try attend(x, layer, cache, 0, keeping: true), attended: x)
    }

    @discardableResult
    private func attend(
        _ x: FloatMatrix, _ layer: TransformerLayer, _ cache: KeyValueCache, _ position: Int, keeping: Bool = false
    ) throws -> LayerTrace.Attention {
        let c = configuration, weights = layer.attention
        var trace = try heads(normalized(x, layer.inputNorm), weights)
        if keeping, weights.queryNorm != nil { trace.plainQueries = FloatMatrix(copying: trace.queries, 0..<x.count) }
        if keeping, weights.keyNorm != nil { trace.plainKeys = FloatMatrix(copying: trace.keys, 0..<x.count) }
        let table = layer.rotary.flatMap { rotaries[$0] }
        pool.forEach(0..<x.count, grain: 16) { tokens in
            for t in tokens {
                normalizeAndRotate(trace.queries, t, weights.queryNorm, table, position: position + t)
                normalizeAndRotate(trace.keys, t, weights.keyNorm, table, position: position + t)
            }
        }
        cache.store(keys: trace.keys, values: trace.values, at: position, count: x.count)
        let seen = Attention(c, layer).apply(trace.queries, count: x.count, cache, position: position, pool: pool)
        let out = try multiply([weights.output], seen)[0]
        if keeping, layer.attentionOutputNorm != nil { trace.output = FloatMatrix(copying: out, 0..<x.count) }
        add(out, layer.attentionOutputNorm, to: x)
        return trace
    }

    /// Queries, keys and values, before norms and rotary embedding.
    private func heads(_ normal: FloatMatrix, _ weights: AttentionWeights) throws -> LayerTrace.Attention {
        switch weights.projections {
        case .direct(let joined):
            let all = try multiply(joined, normal)
            return LayerTrace.Attention(queries: all[0], keys: all[1], values: all[2])
        case .latent(let latent): return try heads(normal, latent)
        }
    }

    private func normalizeAndRotate(_ x: FloatMatrix, _ t: Int, _ norm: [Float]?, _ table: RotaryTable?, position: Int) {
        let c = configuration
        if let norm {
            for offset in stride(from: 0, to: x.width, by: norm.count) {
                FloatKernels.normalize(x, t, offset: offset, norm, epsilon: Float(c.normEpsilon), into: x)
            }
        }
        guard let table else { return }
        for offset in stride(from: c.rotaryOffset, to: x.width, by: c.headWidth) { table.rotate(x, t, offset: offset, position: position) }
    }

    // MARK: - Products

    /// The products of vectors and matrices that read the same ones, after calling the observer.
    func multiply(_ projections: [Projection], _ vectors: FloatMatrix) throws -> [FloatMatrix] {
        let input = try observed(projections, vectors)
        return try projections.map { try $0.apply(input, pool: pool) }
    }

    func multiply(_ joined: JoinedProjection, _ vectors: FloatMatrix) throws -> [FloatMatrix] {
        try joined.apply(observed(joined.projections, vectors), pool: pool)
    }

    private func observed(_ projections: [Projection], _ vectors: FloatMatrix) throws -> LayerInput {
        try observer?(projections.map(\.matrix.name), vectors)
        return LayerInput(vectors)
    }

    // MARK: - Vectors

    /// Normalised vectors, or the same ones without a norm.
    func normalized(_ x: FloatMatrix, _ weight: [Float]?) -> FloatMatrix {
        guard let weight else { return x }
        let out = FloatMatrix(count: x.count, width: x.width)
        normalize(x, weight, into: out)
        return out
    }

    func normalize(_ x: FloatMatrix, _ weight: [Float], into out: FloatMatrix) {
        let epsilon = Float(configuration.normEpsilon)
        pool.forEach(0..<x.count, grain: 16) { for t in $0 { FloatKernels.normalize(x, t, weight, epsilon: epsilon, into: out) } }
    }

    /// Normalises `y` in place if there is a norm, and adds it.
    private func add(_ y: FloatMatrix, _ norm: [Float]?, to x: FloatMatrix) {
        if let norm { normalize(y, norm, into: y) }
        let scale = Float(configuration.residualScale)
        pool.forEach(0..<x.count, grain: 16) { tokens in
            for t in tokens {
                if scale == 1 { FloatKernels.add(y, t, to: x, t) } else { FloatKernels.add(y, t, times: scale, to: x, t) }
            }
        }
    }
}
