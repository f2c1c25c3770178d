internal import QAMFormat

/// The backward pass from the predictions to the last layer's outputs.
struct HeadGradient {
    private let model: Transformer
    private let pass: LayerPass
    private let head: TransposedLinear
    /// Predictions per batch: bounds the memory of their probabilities.
    private static let block = 64

    /// Reads the head, which takes `byteCount` bytes.
    init(_ model: Transformer, pass: LayerPass) throws {
        self.model = model
        self.pass = pass
        head = try TransposedLinear(model.head, pool: pass.pool)
    }

    /// The memory for a model's head and one batch of predictions.
    static func byteCount(_ model: Transformer) -> Int {
        TransposedLinear.byteCount(model.head) + MemoryLayout<Float>.stride * block * model.configuration.vocabularySize
    }

    /// Replaces a window's vectors after the last layer by the gradient of the summed negative log-likelihood of the labels.
    ///
    /// - Parameters:
    ///   - observer: gets the inputs of the head: one vector per token.
    ///   - weights: the predictions are added to it.
    ///   - label: returns the label of a position, given the probabilities of all tokens.
    func apply(
        to x: FloatMatrix, observer: (FloatMatrix) -> Void, weights: TokenWeights, label: (_ position: Int, _ probabilities: Span<Float>) -> Int
    ) throws {
        try pass.checkpoint()
        let normal = FloatMatrix(count: x.count, width: x.width), out = FloatMatrix(count: x.count, width: x.width)
        pass.normalize(x, model.norm, into: normal)
        observer(normal)
        for start in stride(from: 0, to: x.count, by: Self.block) {
            let tokens = start..<min(start + Self.block, x.count)
            let errors = try model.logits(FloatMatrix(copying: normal, tokens), pool: pass.pool)
            let slopes = slopes(errors)
            pass.pool.forEach(0..<tokens.count, grain: 4) { piece in
                for t in piece { FloatKernels.softmax(errors, t, 0..<errors.width, scale: 1) }
            }
            weights.add(errors, slopes: slopes, pool: pass.pool)
            pass.pool.forEach(0..<tokens.count, grain: 4) { piece in
                for t in piece {
                    errors[t, errors.withVectors(t..<t + 1) { label(start + t, $0) }] -= 1
                }
            }
            if let slopes { multiply(errors, by: slopes) }
            head.multiply(errors, 0..<tokens.count, into: out, at: start, pool: pass.pool)
        }
        pass.pool.forEach(0..<x.count, grain: 16) { tokens in
            for t in tokens { NormGradient.apply(to: out, at: x, t, model.norm, epsilon: model.configuration.normEpsilon) }
        }
        x.copy(out, 0..<x.count, at: 0)
    }

    /// The derivatives of the logits by the head's products; nil if they are the same.
    private func slopes(_ logits: FloatMatrix) -> FloatMatrix? {
        let c = model.configuration
        guard c.logitScale != 1 || c.logitCap != nil else { return nil }
        let slopes = FloatMatrix(copying: logits, 0..<logits.count)
        pass.pool.forEach(0..<slopes.count, grain: 4) { tokens in
            slopes.withMutableVectors(tokens) { slopes in
                for i in slopes.indices {
                    let share = c.logitCap.map { Double(slopes[i]) / $0 } ?? 0
                    slopes[i] = Float(c.logitScale * (1 - share * share))
                }
            }
        }
        return slopes
    }

    private func multiply(_ x: FloatMatrix, by factors: FloatMatrix) {
        pass.pool.forEach(0..<x.count, grain: 4) { tokens in
            factors.withVectors(tokens) { factors in
                x.withMutableVectors(tokens) { x in
                    for i in x.indices { x[i] *= factors[i] }
                }
            }
        }
    }
}
