internal import QAMFormat

/// The backward pass of a layer's feed-forward network.
struct FeedForwardGradient {
    private enum Networks {
        case single(FeedForwardNetworkGradient)
        case experts(ExpertMixtureGradient)
    }

    private let networks: Networks

    init(_ feedForward: FeedForward, _ pass: LayerPass) throws {
        switch feedForward {
        case .single(let network): networks = .single(try FeedForwardNetworkGradient(network, pass))
        case .experts(let mixture): networks = .experts(try ExpertMixtureGradient(mixture, pass))
        }
    }

    /// The gradient at the inputs `x`, given that at the outputs. The pass's observer gets the inputs of all matrices.
    func apply(_ gradient: FloatMatrix, at x: FloatMatrix, _ observer: LayerGradient.Observer) throws -> FloatMatrix {
        switch networks {
        case .single(let network): try network.apply(gradient, at: x, observer).gradient
        case .experts(let mixture): try mixture.apply(gradient, at: x, observer)
        }
    }
}

/// The backward pass of one feed-forward network.
struct FeedForwardNetworkGradient {
    private let network: FeedForwardNetwork
    private let pass: LayerPass
    private let inner: JoinedGradient
    private let down: JoinedGradient

    init(_ network: FeedForwardNetwork, _ pass: LayerPass) throws {
        self.network = network
        self.pass = pass
        inner = try JoinedGradient(network.inner, pool: pass.pool)
        down = try JoinedGradient(network.down, pool: pass.pool)
    }

    /// - Parameters:
    ///   - weights: factors of the gradient at the outputs of each token; nil for 1.
    ///   - keepingOutput: whether to compute the outputs too.
    func apply(
        _ gradient: FloatMatrix, at x: FloatMatrix, weights: [Float]? = nil, keepingOutput: Bool = false, _ observer: LayerGradient.Observer
    ) throws -> (gradient: FloatMatrix, output: FloatMatrix?) {
        let values = try pass.multiply(network.inner, x), pool = pass.pool
        let product = [FloatMatrix(copying: values[0], 0..<x.count)] + values.dropFirst()
        pass.activate(network, product)
        var output: FloatMatrix?
        if keepingOutput { output = try pass.multiply([network.down], product[0])[0] } else { try pass.observer?([network.down.matrix.name], product[0]) }
        if let weights {
            for (t, weight) in weights.enumerated() { FloatKernels.scale(gradient, t, 0..<gradient.width, by: weight) }
        }
        let at = down.apply([gradient], pool: pool, observer), up = values.count > 1 ? values[1] : nil
        pool.forEach(0..<x.count, grain: 16) { tokens in
            for t in tokens { FloatKernels.activationGradient(network.activation, values[0], up, t, gradient: at) }
        }
        return (inner.apply(values, pool: pool, observer), output)
    }
}
