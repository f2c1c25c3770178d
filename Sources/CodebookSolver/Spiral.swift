/// A sunflower of points with the density that is optimal for the Gaussian at high rate.
///
/// In two dimensions the best point density goes as the square root of the source's, which is a Gaussian of variance 2:
/// its radius at quantile q is sqrt(-4 ln(1 - q)). Turning by the golden angle spreads the points evenly.
struct Spiral {
    /// The points of the whole plane that the radii are meant for.
    let count: Int
    private var index = 0
    private var direction = SIMD2(1.0, 0.0)
    /// Cosine and sine of the golden angle, pi (3 - sqrt 5).
    private static let turn = SIMD2(-0.7373688780783197, 0.6754902942615238)

    init(count: Int) {
        self.count = count
    }

    /// The next point outwards. Beyond `count` points the last radius stays.
    mutating func next() -> SIMD2<Double> {
        let quantile = (Double(min(index, count - 1)) + 0.5) / Double(count)
        let point = (-4 * ElementaryFunctions.log(1 - quantile)).squareRoot() * direction
        direction = SIMD2(
            direction.x * Self.turn.x - direction.y * Self.turn.y,
            direction.x * Self.turn.y + direction.y * Self.turn.x)
        index += 1
        return point
    }

    /// The first `count` points of the whole plane.
    static func plane(_ count: Int) -> [SIMD2<Double>] {
        var spiral = Self(count: count)
        return (0..<count).map { _ in spiral.next() }
    }

    /// The first `count` points that lie in the octant x >= y >= 0, of eight times as many in the plane.
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
