/// A sunflower spiral of points whose density is optimal for the Gaussian at high rate.
///
/// In two dimensions the optimal point density is proportional to the square root of the source density, which is a Gaussian of variance 2:
/// its radius at quantile q is sqrt(-4 ln(1 - q)). Steps by the golden angle spread the points evenly.
struct Spiral {
    /// The number of points in the whole plane that the radii are computed for.
    let count: Int
    private var index = 0
    private var direction = SIMD2(1.0, 0.0)
    /// Cosine and sine of the golden angle, pi (3 - sqrt 5).
    private static let goldenRotation = SIMD2(-0.7373688780783197, 0.6754902942615238)

    init(count: Int) {
        self.count = count
    }

    /// The next point outwards. After `count` points the radius stays constant.
    mutating func next() -> SIMD2<Double> {
        let quantile = (Double(min(index, count - 1)) + 0.5) / Double(count)
        let point = (-4 * ElementaryFunctions.log(1 - quantile)).squareRoot() * direction
        direction = SIMD2(
            direction.x * Self.goldenRotation.x - direction.y * Self.goldenRotation.y,
            direction.x * Self.goldenRotation.y + direction.y * Self.goldenRotation.x)
        index += 1
        return point
    }

    /// The first `count` points of the whole plane.
    static func plane(_ count: Int) -> [SIMD2<Double>] {
        var spiral = Self(count: count)
        return (0..<count).map { _ in spiral.next() }
    }

    /// The first `count` points in the octant x >= y >= 0, out of eight times as many in the plane.
    static func octant(_ count: Int) -> [SIMD2<Double>] {
        var spiral = Self(count: 8 * count)
        var points: [SIMD2<Double>] = []
        while points.count < count {
            let point = spiral.next()
            if point.x >= point.y, point.y >= 0 { points.append(point) }
        }
        return points
    }
}
