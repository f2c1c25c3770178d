internal import QAMFormat

/// The work of a calibration, to say beforehand how long it takes.
extension Calibrator {
    /// About how many multiplications and additions a run takes: one of each counts once.
    package func multiplyAdds(windows: Int) -> Double {
        let c = model.configuration
        let passes = gathersGradients ? 3.0 : 1
        // A Hessian has the products of one triangle.
        func hessian(_ width: Int) -> Double { Double(width) * Double(width) / 2 }
        func matrix(_ matrix: any Linear) -> Double { Double(matrix.rows) * Double(matrix.columns) }
        // A token attends to half the others of its window on average, for scores and for values; the backward pass takes twice as much as the forward one.
        let attention = Double(c.headCount * c.headWidth) * Double(context) * (gathersGradients ? 4 : 1)
        let repeated =
            gathersGradients ? SavedVectors(layers: model.layers.count, bytes: vectorBytes(windows: windows)).repeatedPasses(layers: model.layers.count) : 0
        let repeatedShare = Double(repeated) / Double(max(1, model.layers.count))
        let layers = model.layers.reduce(0.0) { sum, layer in
            let weights = layer.inputs.joined().reduce(0) { $0 + matrix($1) }
            let inputs = gathersHessians ? layer.inputs.reduce(0) { $0 + hessian($1[0].columns) } : 0
            let outputs = gathersGradients ? layer.inputs.joined().reduce(0) { $0 + hessian($1.rows) } : 0
            return sum + weights * (passes + repeatedShare) + inputs + outputs + attention
        }
        let tables = gathersGradients ? 2 * matrix(model.head) + 2 * hessian(c.width) : 0
        return (layers + tables) * Double(context) * Double(windows)
    }

    /// Multiplications and additions per second, measured on one of the model's matrices.
    ///
    /// - Throws: errors from reading weights.
    package func measuredSpeed() throws -> Double {
        guard let matrix = model.layers.first?.feedForward.networks.first?.inner.projections.first?.matrix else { return 1 }
        let input = LayerInput(FloatMatrix(count: min(context, 128), width: matrix.columns)), out = FloatMatrix(count: input.count, width: matrix.rows)
        // The first product reads the weights. The fastest of several is that without other programs.
        try matrix.multiply(input, into: out, pool: pool)
        let start = ContinuousClock.now
        var least = Duration.seconds(3600)
        repeat {
            least = min(least, try ContinuousClock().measure { try matrix.multiply(input, into: out, pool: pool) })
        } while ContinuousClock.now - start < .milliseconds(30)
        let seconds = Double(least.components.seconds) + Double(least.components.attoseconds) * 1e-18
        return Double(matrix.rows) * Double(matrix.columns) * Double(input.count) / max(seconds, 1e-6)
    }
}
