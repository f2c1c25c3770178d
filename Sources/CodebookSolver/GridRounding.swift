/// Rounds a trellis codebook to the integer grid step by step: each step freezes the coordinates nearest to grid values, and the others
/// move to the centroids given the frozen ones.
struct GridRounding {
    struct Outcome {
        var step: Float
        var points: [SIMD2<UInt8>]
        /// On the training groups.
        var meanSquaredError: Double
    }

    private static let rounds = 24

    let bitsPerStep: Int
    let groups: GaussianGroups

    func round(_ start: [SIMD2<Double>], step: Float) async -> Outcome {
        var points = start.map { SIMD2<Float>($0) }
        var frozen = [SIMD2<Int32>](repeating: SIMD2(-1, -1), count: start.count)
        let part = groups.blockCount / 4
        for round in 0..<Self.rounds {
            let blocks = round % 4 * part..<(round % 4 + 1) * part
            let statistics = await CellStatistics.gather(bitsPerStep: bitsPerStep, points: points, groups: groups, blocks: blocks)
            var open: [(window: Int, axis: Int, value: Int32, error: Float)] = []
            for window in points.indices {
                let target = statistics.centroid(window).map { SIMD2<Float>($0) } ?? points[window]
                for axis in 0..<2 where frozen[window][axis] < 0 {
                    let exact = min(max(target[axis] / step, 0), Float(GridAnnealing.largest))
                    let value = exact.rounded()
                    open.append((window, axis, Int32(value), abs(exact - value)))
                    points[window][axis] = target[axis]
                }
            }
            open.sort { ($0.error, $0.window, $0.axis) < ($1.error, $1.window, $1.axis) }
            for (window, axis, value, _) in open.prefix((open.count + Self.rounds - round - 1) / (Self.rounds - round)) {
                frozen[window][axis] = value
                points[window][axis] = Float(value) * step
            }
        }
        // Coordinates are frozen independently, so a point may have crossed the diagonal: its mirror image is equivalent.
        let bytes = frozen.map { SIMD2(UInt8(max($0.x, $0.y)), UInt8(min($0.x, $0.y))) }
        return await outcome(step: step, points: bytes)
    }

    private func outcome(step: Float, points: [SIMD2<UInt8>]) async -> Outcome {
        let statistics = await CellStatistics.gather(
            bitsPerStep: bitsPerStep, points: points.map { SIMD2<Float>($0) * step }, groups: groups,
            blocks: 0..<groups.blockCount)
        return Outcome(step: step, points: points, meanSquaredError: statistics.meanSquaredError)
    }
}
