internal import QAMFormat

/// The way back from predictions to the vectors behind the last layer.
struct HeadGradient {
    private let model: Transformer
    private let pass: LayerPass
    private let head: TransposedLinear
    /// Predictions made at a time: bounds the memory of their probabilities.
    private static let block = 64

    /// Reads the head, which takes as many bytes as `byteCount` says.
    init(_ model: Transformer, pass: LayerPass) throws {
        self.model = model
        self.pass = pass
        head = try TransposedLinear(model.head, pool: pass.pool)
    }

    /// The bytes of a model's head as it is kept here, and of the predictions made at a time.
    static func byteCount(_ model: Transformer) -> Int {
        TransposedLinear.byteCount(model.head) + MemoryLayout<Float>.stride * block * model.configuration.vocabularySize
    }

    /// Takes the vectors of a window behind the last layer to the gradient with respect to them, which takes their place, of the
    /// summed negative logarithms of the labels' probabilities.
    ///
    /// - Parameter label: the label of a position, by the probabilities of all tokens there.
    func apply(to x: FloatMatrix, label: (_ position: Int, _ probabilities: Span<Float>) -> Int) throws {
        try pass.checkpoint()
        let normal = FloatMatrix(count: x.count, width: x.width), out = FloatMatrix(count: x.count, width: x.width)
        pass.normalize(x, model.norm, into: normal)
        for start in stride(from: 0, to: x.count, by: Self.block) {
            let tokens = start..<min(start + Self.block, x.count)
            let errors = FloatMatrix(count: tokens.count, width: model.configuration.vocabularySize)
            try model.head.multiply(LayerInput(FloatMatrix(copying: normal, tokens)), into: errors, pool: pass.pool)
            pass.pool.forEach(0..<tokens.count, grain: 4) { piece in
                for t in piece {
                    FloatKernels.softmax(errors, t, 0..<errors.width, scale: 1)
                    errors[t, errors.withVectors(t..<t + 1) { label(start + t, $0) }] -= 1
                }
            }
            head.multiply(errors, 0..<tokens.count, into: out, at: start, pool: pass.pool)
        }
        pass.pool.forEach(0..<x.count, grain: 16) { tokens in
            for t in tokens { NormGradient.apply(to: out, at: x, t, model.norm, epsilon: model.configuration.normEpsilon) }
        }
        x.copy(out, 0..<x.count, at: 0)
    }
}
