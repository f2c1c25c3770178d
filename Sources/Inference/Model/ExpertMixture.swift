internal import Architectures
internal import QAMFormat

/// A router and the feed-forward networks among which it distributes tokens.
struct ExpertMixture: Sendable {
    /// A network that all tokens use.
    struct Shared: Sendable {
        let network: FeedForwardNetwork
        /// A matrix of one row, whose product's logistic function is the factor of the network's output.
        let gate: Projection?
    }

    let routing: ExpertRouting
    let router: Projection
    /// Added to the scores by which experts are chosen, not to their weights.
    let correction: [Float]?
    let experts: [FeedForwardNetwork]
    let shared: Shared?

    init(_ routing: ExpertRouting, _ tensors: LayerTensors) throws {
        let c = tensors.configuration
        self.routing = routing
        router = try tensors.projection("ffn_gate_inp", rows: routing.count, columns: c.width)
        if let rule = tensors.rule("exp_probs_b") {
            correction = try tensors.weights.vector(tensors.name(rule), count: routing.count)
        } else {
            correction = nil
        }
        // Appended one by one: an untrusted number reserves no memory.
        var experts: [FeedForwardNetwork] = []
        let isStacked = try !tensors.required("ffn_up_exps").isStacked
        for index in 0..<routing.count {
            let expert =
                isStacked
                ? try FeedForwardNetwork(stacked: tensors, width: routing.width, expert: index, of: routing.count)
                : try FeedForwardNetwork(tensors, suffix: "_exps", width: routing.width, expert: index)
            experts.append(expert)
        }
        self.experts = experts
        shared = try tensors.rule("ffn_up_shexp").map { rule in
            Shared(
                network: try FeedForwardNetwork(tensors, suffix: "_shexp", width: c.shape.count(rule.shape[0])),
                gate: try tensors.rule("ffn_gate_inp_shexp").map { try tensors.projection($0, rows: 1, columns: c.width) })
        }
    }

    /// The experts of each token and their weights.
    ///
    /// - Parameter logits: the router's products, one vector per token; replaced by the scores of all experts.
    func assign(_ logits: FloatMatrix, pool: WorkerPool) -> ExpertAssignment {
        let scores = logits, count = scores.count, used = routing.used
        let chosen = FloatMatrix(count: count, width: used), weights = FloatMatrix(count: count, width: used)
        pool.forEach(0..<count, grain: 16) { tokens in
            for t in tokens {
                switch routing.scores {
                case .softmax: FloatKernels.softmax(scores, t, 0..<scores.width, scale: 1)
                case .sigmoid: FloatKernels.sigmoid(scores, t)
                }
                let all = scores.array(t..<t + 1)
                let places = routing.choose(correction.map { zip(all, $0).map { $0 + $1 } } ?? all)
                let sum = routing.isNormalized ? places.reduce(0) { $0 + all[$1] } : 1
                for (index, place) in places.enumerated() {
                    chosen[t, index] = Float(place)
                    weights[t, index] = all[place] / max(sum, .leastNormalMagnitude) * Float(routing.scale)
                }
            }
        }
        return ExpertAssignment(experts: experts.count, scores: scores, chosen: chosen, weights: weights)
    }
}
