internal import QAMFormat

/// The backward pass: gradients of the predictions' likelihood at each matrix's outputs.
extension Calibrator {
    /// The output Hessian of a matrix: E[g gT], [rows, rows], where g, one vector per token, is the gradient with respect to y = W x
    /// (before the bias) of the summed negative log-likelihood, in nats, of all tokens of the window, with labels sampled from the model's
    /// predictions.
    ///
    /// Together with E[x xT] of the inputs it is the Kronecker-factored approximation of the Fisher information of the matrix (K-FAC, arXiv
    /// 1503.05671): weight errors e change the predictions by a KL divergence of about tr(E[g gT] e E[x xT] eT) / 2 per token. YAQA (arXiv
    /// 2505.22988) rounds by it.
    public struct Output {
        /// The name of the matrix's tensor.
        public let matrix: String
        package let moment: SecondMoment
    }

    /// The matrices whose outputs `run` reports, in its order (from the last layer to the first), and the rows of each.
    public var outputs: [(matrix: String, rows: Int)] {
        model.layers.reversed().flatMap { layer in layer.inputs.joined().map { ($0.name, $0.rows) } }
    }

    /// The number of steps (head or layer, per window) of the backward pass.
    func gradientSteps(windows: Int) -> Int { (model.layers.count + 1) * windows }

    /// Throws `limitExceeded` if the memory that gradients need, independent of the text, exceeds this machine's.
    static func requireGradientMemory(_ model: Transformer) throws {
        try MemoryBound.require(1, of: HeadGradient.byteCount(model), "the head's float32 weights and its predictions")
        for layer in model.layers {
            let moments = layer.inputs.joined().reduce(0) { $0 + MemoryLayout<Float>.stride * $1.rows * $1.rows }
            try MemoryBound.require(1, of: LayerGradient.byteCount(layer) + moments, "a layer's float32 weights and output Hessians")
        }
    }

    /// The backward pass from the predictions through all layers.
    ///
    /// - Parameters:
    ///   - before: the inputs of each layer, for all windows; released as the layers are done.
    ///   - vectors: the outputs of the last layer; replaced by gradients.
    ///   - cache: overwritten.
    ///   - step: called after each step counted by `gradientSteps`.
    func gatherGradients(
        _ before: inout [[FloatMatrix]], _ vectors: [FloatMatrix], labels: [UInt32]?, _ pass: LayerPass, _ cache: KeyValueCache,
        _ body: ([Output]) throws -> Void, step: () throws -> Void
    ) throws {
        try passHead(vectors, labels: labels, pass, step: step)
        let inverseRotary = pass.rotary.inverse
        for layer in model.layers.reversed() {
            let layerGradient = try LayerGradient(layer, pass: pass, inverseRotary: inverseRotary)
            let outputs = layer.inputs.joined().map { Output(matrix: $0.name, moment: SecondMoment(width: $0.rows)) }
            for (x, gradient) in zip(before.removeLast(), vectors) {
                try layerGradient.apply(to: gradient, at: x, cache) { matrix, vectors in
                    outputs.first { $0.matrix == matrix }?.moment.add(vectors, pool: pool)
                }
                try step()
            }
            try body(outputs)
        }
    }

    /// Replaces the last layer's outputs by the gradients at them. The head's weights are released afterwards.
    private func passHead(_ vectors: [FloatMatrix], labels: [UInt32]?, _ pass: LayerPass, step: () throws -> Void) throws {
        let head = try HeadGradient(model, pass: pass)
        for (window, x) in vectors.enumerated() {
            try head.apply(to: x) { position, probabilities in
                if let labels { return Int(labels[window * context + position]) }
                return PredictedLabel.draw(probabilities, window: window, position: position)
            }
            try step()
        }
    }
}
