/// The backward pass of x / sqrt(mean(x^2) + epsilon) * weight.
enum NormGradient {
    /// Replaces the gradient at the norm's output by the gradient at x, in `weight.count` columns from `offset`.
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
                // The norm is invariant to the length of x: remove the component along x.
                let pull = products / count * scale * scale
                for j in weight.indices {
                    gradient[offset + j] = Float(scale * (Double(gradient[offset + j]) * Double(weight[j]) - pull * Double(x[offset + j])))
                }
            }
        }
    }
}
