internal import QAMFormat

/// The weights of attention.
struct AttentionWeights: Sendable {
    enum Projections: Sendable {
        /// Queries, keys and values.
        case direct(JoinedProjection)
        case latent(LatentProjections)
    }

    let projections: Projections
    let output: Projection
    /// Of each head, or of all heads together.
    let queryNorm: [Float]?
    let keyNorm: [Float]?
    /// For each query head, a number that takes part in the softmax and stands for no token.
    let sinks: [Float]?

    init(_ tensors: LayerTensors) throws {
        let c = tensors.configuration, queries = c.headCount * c.headWidth, keys = c.keyValueHeadCount * c.headWidth
        output = try tensors.projection("attn_output", rows: c.width, columns: c.headCount * c.valueWidth)
        queryNorm = try tensors.norm("attn_q_norm")
        keyNorm = try tensors.norm("attn_k_norm")
        for norm in [queryNorm, keyNorm].compactMap(\.self) where norm.count % c.headWidth != 0 {
            throw QAMError(.malformed, "a norm of \(norm.count) elements fits no heads of \(c.headWidth)")
        }
        sinks = try tensors.vector("attn_sinks", count: c.headCount)
        if let latent = c.latentAttention {
            projections = .latent(try LatentProjections(latent, tensors))
        } else if let joined = tensors.rule("attn_qkv") {
            let projection = try tensors.projection(joined, rows: queries + 2 * keys, columns: c.width)
            projections = .direct(JoinedProjection(projections: [projection], widths: [queries, keys, keys]))
        } else {
            let rows = [("attn_q", queries), ("attn_k", keys), ("attn_v", keys)]
            projections = .direct(
                JoinedProjection(projections: try rows.map { try tensors.projection($0, rows: $1, columns: c.width) }, widths: rows.map(\.1)))
        }
    }

    /// The matrices that read the same vectors, in execution order.
    var inputs: [[any Linear]] {
        switch projections {
        case .direct(let joined): [joined.projections.map(\.matrix), [output.matrix]]
        case .latent(let latent): latent.inputs + [[output.matrix]]
        }
    }
}
