/// Codebooks of the octant family whose windows do not overlap: 8 to 10 bits per step, nearest base point.
struct PlainOctantSolver {
    /// Settings of the annealing, chosen for each rate by trial.
    struct Schedule {
        /// Trials per point.
        var sweeps: Int
        /// The first and the last temperature, in the units of `GridAnnealing.anneal`.
        var hot: Double
        var cold: Double
        /// The grid extents to try, relative to the largest coordinate of the codebook without a grid.
        var extents: [Double]
    }

    let bitsPerStep: Int
    let schedule: Schedule

    /// Exact Lloyd steps without the grid, then annealing on grids of several extents; returns the best, by ascending radius.
    func solve() async -> Codebook {
        var partition = VoronoiPartition(sites: Spiral.octant(1 << bitsPerStep), domain: VoronoiPartition.octant)
        await LloydIteration.converge(&partition, relaxation: 1.85, limit: 1500, tolerance: 1e-8)
        let sites = partition.sites
        let reach = sites.map(\.x).max() ?? 0
        let schedule = schedule
        let outcomes = await parallelMap(schedule.extents.count) { index in
            // The step as the file stores it.
            let step = Float(reach * schedule.extents[index] / Double(GridAnnealing.largest))
            var annealing = GridAnnealing(sites: sites, step: Double(step), seed: UInt64(index))
            annealing.anneal(sweeps: schedule.sweeps, hot: schedule.hot, cold: schedule.cold)
            annealing.descend()
            return (step: step, error: annealing.meanSquaredError, points: annealing.points)
        }
        guard let best = outcomes.min(by: { $0.error < $1.error }) else {
            preconditionFailure("no grid extent was given")
        }
        func key(_ point: SIMD2<Int>) -> (Int, Int) { (point.x * point.x + point.y * point.y, point.x) }
        let points = best.points.sorted { key($0) < key($1) }.map { SIMD2(UInt8($0.x), UInt8($0.y)) }
        return Codebook(name: .octant(bitsPerStep: bitsPerStep), table: .octant(step: best.step, points: points))
    }
}
