internal import QAMFormat

/// The backward pass of matrices that read the same vectors.
struct JoinedGradient {
    private let joined: JoinedProjection
    private let matrices: [TransposedLinear]

    init(_ joined: JoinedProjection, pool: WorkerPool) throws {
        self.joined = joined
        matrices = try joined.projections.map { try TransposedLinear($0.matrix, pool: pool) }
    }

    init(_ projection: Projection, pool: WorkerPool) throws {
        try self.init(JoinedProjection(projections: [projection], widths: [projection.matrix.rows]), pool: pool)
    }

    /// The gradient at the vectors, given those at the results.
    func apply(_ gradients: [FloatMatrix], pool: WorkerPool, _ observer: LayerGradient.Observer) -> FloatMatrix {
        let products = joined.join(gradients)
        for (projection, gradient) in zip(joined.projections, products) { observer(projection.matrix.name, gradient) }
        let parts = zip(matrices, products).map { $0.multiply($1, pool: pool) }
        for part in parts.dropFirst() {
            pool.forEach(0..<part.count, grain: 16) { for t in $0 { FloatKernels.add(part, t, to: parts[0], t) } }
        }
        return parts[0]
    }
}
