/// The way back through x / sqrt(mean(x^2) + epsilon) * weight.
enum NormGradient {
    /// From the gradient at the normalised numbers to that at x, which takes its place: in `weight.count` columns from `offset`.
    static func apply(to gradient: FloatMatrix, at x: FloatMatrix, _ t: Int, offset: Int = 0, _ weight: [Float], epsilon: Double) {
        let count = Double(weight.count)
        x.withVectors(t..<t + 1) { x in
            gradient.withMutableVectors(t..<t + 1) { gradient in
                var squares = 0.0, products = 0.0
                for j in weight.indices {
                    let value = Double(x[offset + j])
                    squares += value * value
                    products += value * Double(gradient[offset + j]) * Double(weight[j])
                }
                let scale = 1 / (squares / count + epsilon).squareRoot()
                // The norm takes out of x what changes its length.
                let pull = products / count * scale * scale
                for j in weight.indices {
                    gradient[offset + j] = Float(scale * (Double(gradient[offset + j]) * Double(weight[j]) - pull * Double(x[offset + j])))
                }
            }
        }
    }
}
