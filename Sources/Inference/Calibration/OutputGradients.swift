internal import QAMFormat

/// The way back: how what the matrices make bears on the predictions.
extension Calibrator {
    /// The second moment of the gradients at a matrix's outputs: E[g gT], [rows, rows], where g, one vector for each token, is the
    /// gradient with respect to y = W x at this token (before a bias is added) of the summed negative log-likelihood, in nats, of all
    /// tokens of the window, whose labels are drawn from the model's own predictions.
    ///
    /// With E[x xT] of the inputs it is the Kronecker-factored approximation of the Fisher information of the matrix (K-FAC,
    /// arXiv 1503.05671): errors e of the weights change the predictions by a divergence of about a half of tr(E[g gT] e E[x xT] eT)
    /// a token. YAQA (arXiv 2505.22988) rounds by it.
    public struct Output {
        /// The name of the matrix's tensor.
        public let matrix: String
        package let moment: SecondMoment
    }

    /// The names of the matrices whose outputs `run` gives, in its order: from the last layer to the first; and the rows of each.
    public var outputs: [(matrix: String, rows: Int)] {
        model.layers.reversed().flatMap { layer in layer.inputs.joined().map { ($0.name, $0.rows) } }
    }

    /// How many windows pass the head or a layer on the way back.
    func gradientSteps(windows: Int) -> Int { (model.layers.count + 1) * windows }

    /// Throws `limitExceeded` where what is kept of a model for its gradients, whatever the text, is more than this machine's memory.
    static func requireGradientMemory(_ model: Transformer) throws {
        try MemoryBound.require(1, of: HeadGradient.byteCount(model), "the head's weights as floats, and its predictions,")
        for layer in model.layers {
            let moments = layer.inputs.joined().reduce(0) { $0 + MemoryLayout<Float>.stride * $1.rows * $1.rows }
            try MemoryBound.require(1, of: LayerGradient.byteCount(layer) + moments, "a layer's weights as floats, and the moments of its outputs,")
        }
    }

    /// Goes back from the predictions through all layers.
    ///
    /// - Parameters:
    ///   - before: the vectors of all windows before each layer; let go as the layers are done.
    ///   - vectors: those behind the last layer; gradients take their place.
    ///   - cache: overwritten.
    ///   - step: called after each of the steps that `gradientSteps` counts.
    func gatherGradients(
        _ before: inout [[FloatMatrix]], _ vectors: [FloatMatrix], labels: [UInt32]?, _ pass: LayerPass, _ cache: KeyValueCache,
        _ body: ([Output]) throws -> Void, step: () throws -> Void
    ) throws {
        try passHead(vectors, labels: labels, pass, step: step)
        let turningBack = pass.rotary.inverse
        for layer in model.layers.reversed() {
            let way = try LayerGradient(layer, pass: pass, turningBack: turningBack)
            let outputs = layer.inputs.joined().map { Output(matrix: $0.name, moment: SecondMoment(width: $0.rows)) }
            for (x, gradient) in zip(before.removeLast(), vectors) {
                try way.apply(to: gradient, at: x, cache) { matrix, vectors in
                    outputs.first { $0.matrix == matrix }?.moment.add(vectors, pool: pool)
                }
                try step()
            }
            try body(outputs)
        }
    }

    /// Takes the vectors behind the last layer to the gradients at them. The head's weights are let go afterwards.
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
