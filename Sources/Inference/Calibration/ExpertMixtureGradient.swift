internal import Architectures
internal import QAMFormat

/// The backward pass of experts and their router.
struct ExpertMixtureGradient {
    private let mixture: ExpertMixture
    private let pass: LayerPass
    private let router: TransposedLinear
    private let experts: [FeedForwardNetworkGradient]
    private let shared: FeedForwardNetworkGradient?
    private let sharedGate: TransposedLinear?

    init(_ mixture: ExpertMixture, _ pass: LayerPass) throws {
        self.mixture = mixture
        self.pass = pass
        router = try TransposedLinear(mixture.router.matrix, pool: pass.pool)
        experts = try mixture.experts.map { try FeedForwardNetworkGradient($0, pass) }
        shared = try mixture.shared.map { try FeedForwardNetworkGradient($0.network, pass) }
        sharedGate = try mixture.shared?.gate.map { try TransposedLinear($0.matrix, pool: pass.pool) }
    }

    /// As `FeedForwardGradient.apply`.
    func apply(_ gradient: FloatMatrix, at x: FloatMatrix, _ observer: LayerGradient.Observer) throws -> FloatMatrix {
        let assignment = try pass.assign(mixture, x), out = FloatMatrix(count: x.count, width: x.width)
        let ofWeights = FloatMatrix(count: x.count, width: mixture.routing.used)
        for (expert, chosen) in zip(experts, assignment.ofExperts) where !chosen.tokens.isEmpty {
            let own = FloatMatrix(gradient, at: chosen.tokens), places = zip(chosen.tokens, chosen.places)
            let found = try expert.apply(
                FloatMatrix(gradient, at: chosen.tokens), at: FloatMatrix(x, at: chosen.tokens), weights: places.map { assignment.weights[$0, $1] },
                keepingOutput: true, observer)
            for (row, (t, place)) in places.enumerated() {
                FloatKernels.add(found.gradient, row, to: out, t)
                ofWeights[t, place] = found.output.map { Self.product($0, own, row) } ?? 0
            }
        }
        let ofLogits = gradientAtLogits(ofWeights, assignment), part = router.multiply(ofLogits, pool: pass.pool)
        for t in 0..<x.count { FloatKernels.add(part, t, to: out, t) }
        try addShared(gradient, at: x, to: out, observer)
        return out
    }

    private static func product(_ x: FloatMatrix, _ y: FloatMatrix, _ t: Int) -> Float {
        x.withVectors(t..<t + 1) { x in
            y.withVectors(t..<t + 1) { y in
                var sum = 0.0
                for index in x.indices { sum += Double(x[index]) * Double(y[index]) }
                return Float(sum)
            }
        }
    }

    /// From the gradient at the weights of each token's experts to that at the router's products.
    private func gradientAtLogits(_ ofWeights: FloatMatrix, _ assignment: ExpertAssignment) -> FloatMatrix {
        let routing = mixture.routing, count = ofWeights.count, out = FloatMatrix(count: count, width: routing.count)
        for (expert, chosen) in assignment.ofExperts.enumerated() {
            for (t, place) in zip(chosen.tokens, chosen.places) { out[t, expert] = Float(routing.scale) * ofWeights[t, place] }
        }
        for t in 0..<count {
            let chosen = out.array(t..<t + 1), scores = assignment.scores.array(t..<t + 1)
            let isChosen = Set(assignment.chosen(t))
            var ofScores = chosen.map(Double.init)
            if routing.isNormalized {
                // Weights are shares of the sum of the chosen scores.
                let sum = isChosen.reduce(0.0) { $0 + Double(scores[$1]) }
                let mean = isChosen.reduce(0.0) { $0 + Double(scores[$1]) / sum * ofScores[$1] }
                for expert in isChosen { ofScores[expert] = (ofScores[expert] - mean) / sum }
            }
            let mean = routing.scores == .softmax ? zip(scores, ofScores).reduce(0.0) { $0 + Double($1.0) * $1.1 } : 0
            for expert in 0..<routing.count {
                let score = Double(scores[expert])
                switch routing.scores {
                case .softmax: out[t, expert] = Float(score * (ofScores[expert] - mean))
                case .sigmoid: out[t, expert] = Float(score * (1 - score) * ofScores[expert])
                }
            }
        }
        return out
    }

    private func addShared(_ gradient: FloatMatrix, at x: FloatMatrix, to out: FloatMatrix, _ observer: LayerGradient.Observer) throws {
        guard let shared, let weights = mixture.shared else { return }
        let factors = try pass.factors(weights, x)
        let own = FloatMatrix(copying: gradient, 0..<x.count)
        let found = try shared.apply(own, at: x, weights: factors.map { $0.array(0..<x.count) }, keepingOutput: factors != nil, observer)
        for t in 0..<x.count { FloatKernels.add(found.gradient, t, to: out, t) }
        guard let factors, let sharedGate, let output = found.output else { return }
        for t in 0..<x.count {
            let factor = factors[t, 0]
            factors[t, 0] = Self.product(output, gradient, t) * factor * (1 - factor)
        }
        let part = sharedGate.multiply(factors, pool: pass.pool)
        for t in 0..<x.count { FloatKernels.add(part, t, to: out, t) }
    }
}
