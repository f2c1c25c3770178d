/// Codebooks of the octant family with a trellis: 1 to 7 bits per step.
struct TrellisSolver {
    /// Settings of the stochastic relaxation, chosen for each rate by trial.
    struct Schedule {
        var seed: UInt64
        /// Relaxation steps.
        var steps: Int
        /// The initial noise per coordinate, in units of the square root of the rate-distortion bound.
        var noise: Double
        /// Pairs encoded per relaxation step.
        var batch = 1 << 14
    }

    let bitsPerStep: Int
    let schedule: Schedule

    func solve() async -> Codebook {
        let training = await GaussianGroups(pairs: 1 << 21, seed: 0x7261_696E &+ UInt64(bitsPerStep))
        var points = relaxed(training)
        points = await lloyd(points, groups: training)
        let rounding = GridRounding(bitsPerStep: bitsPerStep, groups: training)
        var best: GridRounding.Outcome?
        let reach = points.map(\.x).max() ?? 0
        for percent in [91, 94, 97, 100] {
            let step = Float(reach * Double(percent) / 100 / Double(GridAnnealing.largest))
            let outcome = await rounding.round(points, step: step)
            if outcome.meanSquaredError < best?.meanSquaredError ?? .infinity { best = outcome }
        }
        guard let best else { preconditionFailure("no grid step was tried") }
        return Codebook(name: .octant(bitsPerStep: bitsPerStep), table: .octant(step: best.step, points: best.points))
    }

    /// Random folded Gaussians, improved by Lloyd steps on small batches with decreasing noise on the centroids (stochastic relaxation:
    /// Zeger, Vaisey and Gersho, 1992). The noise lets the labelling of windows settle.
    private func relaxed(_ groups: GaussianGroups) -> [SIMD2<Double>] {
        var random = RandomSource(seed: schedule.seed)
        var points = (0..<TrellisEncoder.windows).map { _ in
            let point = random.gaussianPair()
            return SIMD2(max(abs(point.x), abs(point.y)), min(abs(point.x), abs(point.y)))
        }
        // The rate-distortion bound of the rate (3 + bitsPerStep) / 2 is 2^-(3 + bitsPerStep).
        let scale = schedule.noise * (1 / Double(8 << bitsPerStep)).squareRoot()
        let blocks = schedule.batch / GaussianGroups.pairsPerBlock
        let batches = groups.blockCount / blocks
        var encoder = TrellisEncoder(bitsPerStep: bitsPerStep, points: points.map { SIMD2<Float>($0) }, tries: 1)
        for step in 0..<schedule.steps {
            let noise = scale * (1 - Double(step) / Double(schedule.steps))
            points = points.map { $0 + noise * random.gaussianPair() }
            encoder.replace(points: points.map { SIMD2<Float>($0) })
            var statistics = CellStatistics()
            let first = step % batches * blocks
            statistics.add(first..<first + blocks, of: groups, encoder: &encoder)
            points = points.indices.map { statistics.centroid($0) ?? points[$0] }
        }
        return points
    }

    /// Lloyd's iteration on the trellis: over-relaxed on parts of the training set, then unrelaxed on all of it.
    private func lloyd(_ start: [SIMD2<Double>], groups: GaussianGroups) async -> [SIMD2<Double>] {
        var points = start
        let parts = 8
        for (isWhole, count) in [(false, 48), (true, 8)] {
            for step in 0..<count {
                let part = groups.blockCount / parts
                let blocks = isWhole ? 0..<groups.blockCount : step % parts * part..<(step % parts + 1) * part
                let statistics = await CellStatistics.gather(
                    bitsPerStep: bitsPerStep, points: points.map { SIMD2<Float>($0) }, groups: groups, blocks: blocks)
                for (index, point) in points.enumerated() {
                    let centroid = statistics.centroid(index) ?? point
                    points[index] += (isWhole ? 1 : 1.4) * (centroid - point)
                }
            }
        }
        return points
    }
}
