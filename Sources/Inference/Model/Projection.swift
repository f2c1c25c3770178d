internal import QAMFormat

/// A matrix and its bias.
struct Projection: Sendable {
    let matrix: any Linear
    let bias: [Float]?

    func apply(_ input: LayerInput, pool: WorkerPool) throws -> FloatMatrix {
        let out = FloatMatrix(count: input.count, width: matrix.rows)
        try matrix.multiply(input, into: out, pool: pool)
        if let bias { for t in 0..<input.count { FloatKernels.add(bias, to: out, t) } }
        return out
    }
}

/// Matrices that read the same vectors: one for each result, or one for all of them together.
struct JoinedProjection: Sendable {
    let projections: [Projection]
    /// Of each result.
    let widths: [Int]
    /// Whether the elements of the results alternate in one matrix's products, instead of following each other.
    var isAlternating = false

    /// The results, one vector per token.
    func apply(_ input: LayerInput, pool: WorkerPool) throws -> [FloatMatrix] {
        let products = try projections.map { try $0.apply(input, pool: pool) }
        guard products.count < widths.count, let all = products.first else { return products }
        if isAlternating { return widths.indices.map { FloatMatrix(all, every: widths.count, from: $0) } }
        var start = 0
        return widths.map { width in
            defer { start += width }
            return FloatMatrix(all, columns: start..<start + width)
        }
    }

    /// Gradients at the results as gradients at each matrix's products.
    func join(_ gradients: [FloatMatrix]) -> [FloatMatrix] {
        guard projections.count < widths.count, let first = gradients.first else { return gradients }
        let all = FloatMatrix(count: first.count, width: widths.reduce(0, +))
        if isAlternating {
            for (index, gradient) in gradients.enumerated() { all.spread(gradient, every: widths.count, from: index) }
            return [all]
        }
        var start = 0
        for gradient in gradients {
            all.copyColumns(gradient, 0..<gradient.width, to: start)
            start += gradient.width
        }
        return [all]
    }
}
