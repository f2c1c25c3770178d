/// Codebooks of the free family: 2^bits codewords that minimise the mean squared error for the unit circular Gaussian.
struct FreeSolver {
    let bits: Int
    /// Starting points to try: the spiral, then perturbed spirals. With few codewords the starting point matters by a few thousandths.
    let starts: Int

    /// Exact Lloyd steps from each starting point; the best result, its codewords by ascending radius.
    func solve() async -> Codebook {
        var best: (error: Double, sites: [SIMD2<Double>])?
        for start in 0..<starts {
            var partition = VoronoiPartition(sites: self.start(start), domain: VoronoiPartition.plane)
            await LloydIteration.converge(&partition, relaxation: 1.85, limit: 1500, tolerance: 1e-8)
            let error = await LloydIteration.meanSquaredError(of: partition)
            if error < best?.error ?? .infinity { best = (error, partition.sites) }
        }
        let points = (best?.sites ?? []).map { SIMD2<Float>($0) }
        func key(_ point: SIMD2<Float>) -> (Float, Float, Float) {
            (point.x * point.x + point.y * point.y, point.x, point.y)
        }
        return Codebook(name: .free(bits: bits), table: .free(points.sorted { key($0) < key($1) }))
    }

    /// The spiral, for number 0; otherwise each point is displaced by about half the spacing at the centre.
    private func start(_ number: Int) -> [SIMD2<Double>] {
        let count = 1 << bits
        // At high rate the density at the centre is count / (4 pi).
        let displacement = number == 0 ? 0 : 0.5 * (4 * Double.pi / Double(count)).squareRoot()
        var random = RandomSource(seed: UInt64(number))
        return Spiral.plane(count).map { $0 + displacement * random.gaussianPair() }
    }
}
