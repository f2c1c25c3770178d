/// Exact nearest-codeword search over points sorted by x.
struct NearestPoint: Sendable {
    private let sorted: [SIMD2<Float>]

    init(_ points: [SIMD2<Float>]) {
        sorted = points.sorted { ($0.x, $0.y) < ($1.x, $1.y) }
    }

    /// The squared distance from `sample` to the nearest point.
    func squaredDistance(to sample: SIMD2<Float>) -> Float {
        var low = 0
        var high = sorted.count
        while low < high {
            let middle = (low + high) / 2
            if sorted[middle].x < sample.x { low = middle + 1 } else { high = middle }
        }
        var best = Float.infinity
        for direction in [1, -1] {
            var place = direction == 1 ? low : low - 1
            while sorted.indices.contains(place) {
                let d = sample - sorted[place]
                if d.x * d.x > best { break }
                best = min(best, d.x * d.x + d.y * d.y)
                place += direction
            }
        }
        return best
    }
}
