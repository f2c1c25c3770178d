/// Exact integrals of the unit circular Gaussian density phi(p) = exp(-|p|^2 / 2) / (2 pi) over a convex polygon.
///
/// Green's theorem converts each to a line integral of a smooth function along the polygon's edges, which Gauss-Legendre quadrature
/// evaluates to about twelve digits:
///
///     mass           = contour integral of (1 - exp(-r^2/2)) / (2 pi r^2) (x dy - y dx)
///     moment (p phi) = -contour integral of phi (dy, -dx)
///     power (r^2 phi) = 2 mass - contour integral of phi (x dy - y dx)
struct GaussianCellIntegrals {
    /// The probability of the polygon.
    var mass = 0.0
    /// The integral of p phi(p).
    var moment = SIMD2<Double>.zero
    /// The integral of |p|^2 phi(p).
    var power = 0.0

    private static let longestPanel = 1.0
    private static let inverseTwoPi = 0.15915494309189535
    /// Eight-point Gauss-Legendre nodes and weights on [0, 1].
    private static let nodes = SIMD8<Double>(
        0.01985507175123188, 0.10166676129318664, 0.2372337950418355, 0.4082826787521751,
        0.5917173212478249, 0.7627662049581645, 0.8983332387068134, 0.9801449282487681)
    private static let weights = SIMD8<Double>(
        0.05061426814518813, 0.11119051722668724, 0.15685332293894364, 0.1813418916891810,
        0.1813418916891810, 0.15685332293894364, 0.11119051722668724, 0.05061426814518813)

    /// The integrals over the polygon with these vertices in counter-clockwise order.
    init(vertices: [SIMD2<Double>]) {
        guard var start = vertices.last else { return }
        for end in vertices {
            add(from: start, to: end)
            start = end
        }
        power += 2 * mass
    }

    /// The centroid of the polygon under the Gaussian.
    var centroid: SIMD2<Double> { moment / mass }

    /// The integral of |p - site|^2 phi(p).
    func distortion(about site: SIMD2<Double>) -> Double {
        power - 2 * (site.x * moment.x + site.y * moment.y) + (site.x * site.x + site.y * site.y) * mass
    }

    private mutating func add(from start: SIMD2<Double>, to end: SIMD2<Double>) {
        let edge = end - start
        let panels = max(1, ((edge.x * edge.x + edge.y * edge.y).squareRoot() / Self.longestPanel).rounded(.up))
        let step = edge / panels
        // x dy - y dx is constant along a straight line.
        let sweep = start.x * step.y - start.y * step.x
        var density = 0.0
        var angular = 0.0
        for panel in 0..<Int(panels) {
            let origin = start + step * Double(panel)
            let x = origin.x + Self.nodes * step.x
            let y = origin.y + Self.nodes * step.y
            let half = 0.5 * (x * x + y * y)
            let exponential = ElementaryFunctions.exp(-half)
            // (1 - e^-h) / (2h), by its series where the difference would cancel.
            let series = 0.5 - half * (0.25 - half * (1 / 12.0 - half * (1 / 48.0)))
            let small = half .< 1e-3
            let ratio = ((1 - exponential) / (2 * half).replacing(with: 1, where: small))
                .replacing(with: series, where: small)
            density += (exponential * Self.weights).sum()
            angular += (ratio * Self.weights).sum()
        }
        density *= Self.inverseTwoPi
        mass += angular * Self.inverseTwoPi * sweep
        moment -= density * SIMD2(step.y, -step.x)
        power -= density * sweep
    }
}
