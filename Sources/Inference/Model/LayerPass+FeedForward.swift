internal import QAMFormat

extension LayerPass {
    func apply(_ feedForward: FeedForward, to x: FloatMatrix) throws -> FloatMatrix {
        switch feedForward {
        case .single(let network): try apply(network, to: x)
        case .experts(let mixture): try apply(mixture, to: x)
        }
    }

    func apply(_ network: FeedForwardNetwork, to x: FloatMatrix) throws -> FloatMatrix {
        let inner = try multiply(network.inner, x)
        activate(network, inner)
        return try multiply([network.down], inner[0])[0]
    }

    /// Replaces the first of the inner vectors by the input of the last matrix.
    func activate(_ network: FeedForwardNetwork, _ inner: [FloatMatrix]) {
        let up = inner.count > 1 ? inner[1] : nil
        pool.forEach(0..<inner[0].count, grain: 16) { for t in $0 { FloatKernels.activate(network.activation, inner[0], up, t) } }
    }

    private func apply(_ mixture: ExpertMixture, to x: FloatMatrix) throws -> FloatMatrix {
        let out = FloatMatrix(count: x.count, width: x.width), assignment = try assign(mixture, x)
        for (expert, chosen) in zip(mixture.experts, assignment.ofExperts) where !chosen.tokens.isEmpty {
            let part = try apply(expert, to: FloatMatrix(x, at: chosen.tokens))
            for (row, (t, place)) in zip(chosen.tokens, chosen.places).enumerated() {
                FloatKernels.add(part, row, times: assignment.weights[t, place], to: out, t)
            }
        }
        guard let shared = mixture.shared else { return out }
        let part = try apply(shared.network, to: x), factors = try factors(shared, x)
        for t in 0..<x.count { FloatKernels.add(part, t, times: factors?[t, 0] ?? 1, to: out, t) }
        return out
    }

    func assign(_ mixture: ExpertMixture, _ x: FloatMatrix) throws -> ExpertAssignment {
        mixture.assign(try mixture.router.apply(LayerInput(x), pool: pool), pool: pool)
    }

    /// The factor of a shared network's output: one number per token; nil if it is 1.
    func factors(_ shared: ExpertMixture.Shared, _ x: FloatMatrix) throws -> FloatMatrix? {
        guard let gate = shared.gate else { return nil }
        let factors = try gate.apply(LayerInput(x), pool: pool)
        for t in 0..<x.count { FloatKernels.sigmoid(factors, t) }
        return factors
    }
}
