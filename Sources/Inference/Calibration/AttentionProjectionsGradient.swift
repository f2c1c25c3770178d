internal import QAMFormat

/// The backward pass of the matrices before and after attention.
struct AttentionProjectionsGradient {
    private enum Projections {
        case direct(JoinedGradient)
        case latent(LatentProjectionsGradient)
    }

    private let pass: LayerPass
    private let projections: Projections
    private let output: JoinedGradient

    init(_ weights: AttentionWeights, _ pass: LayerPass) throws {
        self.pass = pass
        output = try JoinedGradient(weights.output, pool: pass.pool)
        switch weights.projections {
        case .direct(let joined): projections = .direct(try JoinedGradient(joined, pool: pass.pool))
        case .latent(let latent): projections = .latent(try LatentProjectionsGradient(latent, pass))
        }
    }

    /// The gradient at attention's outputs, given that at the last matrix's products.
    func passOutput(_ gradient: FloatMatrix, _ observer: LayerGradient.Observer) -> FloatMatrix {
        output.apply([gradient], pool: pass.pool, observer)
    }

    /// The gradient at the layer's normalised inputs, given those at queries, keys and values before norms and rotary embedding.
    func apply(_ found: AttentionGradient.Result, _ trace: LayerTrace.Attention, _ observer: LayerGradient.Observer) -> FloatMatrix {
        switch projections {
        case .direct(let joined): joined.apply([found.queries, found.keys, found.values], pool: pass.pool, observer)
        case .latent(let latent): latent.apply(found, trace.latent, observer)
        }
    }
}
