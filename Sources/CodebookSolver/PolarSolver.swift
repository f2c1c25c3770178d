/// Codebooks of polar codes: L amplitudes times P evenly spaced directions, L * P at most 2^bits, of least mean squared error for
/// the unit circular Gaussian.
///
/// What is nearest is found by the phase first and then by the projection p on its direction. Of a point in a phase's sector, p has the
/// density P phi(p) erf(p tan(pi / P) / sqrt 2), so the best amplitudes are Lloyd's and Max's for this density. It is
/// log-concave: they are unique, and Lloyd's steps lead there from anywhere.
struct PolarSolver {
    let bits: Int

    /// The best of all splits near the one that is best at high rate, P = 2.66 L.
    func solve() async -> Codebook {
        let count = 1 << bits
        let middle = Int((Double(count) / 2.66).squareRoot())
        let splits = max(1, middle / 2)...(2 * middle + 1)
        let solved = await parallelMap(splits.count) { index in
            let levels = splits.lowerBound + index
            return Self.solve(levels: levels, phases: count / levels)
        }
        let best = solved.min { $0.error < $1.error } ?? solved[0]
        let directions = (0..<best.phases).map { ElementaryFunctions.direction($0, of: best.phases) }
        return Codebook(
            name: .polar(bits: bits),
            table: .polar(amplitudes: best.amplitudes.map { Float($0) }, directions: directions.map { SIMD2<Float>($0) }))
    }

    private struct Split {
        let phases: Int
        let amplitudes: [Double]
        /// Per component.
        let error: Double
    }

    private static func solve(levels: Int, phases: Int) -> Split {
        let density = ProjectionDensity(phases: phases)
        var amplitudes = (0..<levels).map { 4 * (Double($0) + 0.5) / Double(levels) }
        var change = Double.infinity
        var captured = 0.0
        for _ in 0..<100_000 {
            guard change > 1e-12 else { break }
            let next = density.centroids(of: amplitudes)
            change = zip(amplitudes, next.amplitudes).reduce(0) { max($0, abs($1.0 - $1.1)) }
            // A step of Lloyd's goes only part of the way, so each is made longer.
            amplitudes = zip(amplitudes, next.amplitudes).map { $0 + 1.5 * ($1 - $0) }
            captured = next.captured
        }
        return Split(phases: phases, amplitudes: amplitudes, error: (2 - captured) / 2)
    }
}

/// The density of projections, on a grid, as running sums of its mass and its first moment.
private struct ProjectionDensity {
    private static let cells = 1 << 16
    private static let end = 9.0
    private static let width = end / Double(cells)

    /// Sums over the cells before each cell.
    private var masses = [0.0]
    private var moments = [0.0]

    init(phases: Int) {
        // Half a sector: the direction of half a step.
        let edge = ElementaryFunctions.direction(1, of: 2 * phases)
        let slope = edge.y / edge.x
        // The integral of exp(-y^2 / 2) from 0 to the sector's edge at the middle of the cell.
        var breadth = 0.0
        var before = 0.0
        for cell in 0..<Self.cells {
            let p = (Double(cell) + 0.5) * Self.width
            let (a, b) = (before * slope, p * slope)
            breadth += (b - a) / 6 * (Self.bell(a) + 4 * Self.bell((a + b) / 2) + Self.bell(b))
            before = p
            let mass = 2 * Double(phases) / (2 * Double.pi) * Self.bell(p) * breadth * Self.width
            masses.append(masses[cell] + mass)
            moments.append(moments[cell] + mass * p)
        }
    }

    private static func bell(_ x: Double) -> Double {
        ElementaryFunctions.exp(-x * x / 2)
    }

    /// The mean projection of each amplitude's points, and the sum of their squares by mass: what of the mean square is captured.
    func centroids(of amplitudes: [Double]) -> (amplitudes: [Double], captured: Double) {
        var centroids: [Double] = []
        var captured = 0.0
        var (mass, moment) = (0.0, 0.0)
        for index in amplitudes.indices {
            let isLast = index + 1 == amplitudes.count
            let (nextMass, nextMoment) = sums(isLast ? Self.end : (amplitudes[index] + amplitudes[index + 1]) / 2)
            // An amplitude beyond all of the grid's mass stays where it is.
            let share = nextMass - mass
            let centroid = share > 0 ? (nextMoment - moment) / share : amplitudes[index]
            centroids.append(centroid)
            captured += share * centroid * centroid
            (mass, moment) = (nextMass, nextMoment)
        }
        return (centroids, captured)
    }

    private func sums(_ place: Double) -> (mass: Double, moment: Double) {
        let cell = min(max(Int(place / Self.width), 0), Self.cells - 1)
        let part = min(max(place / Self.width - Double(cell), 0), 1)
        return (
            masses[cell] + part * (masses[cell + 1] - masses[cell]), moments[cell] + part * (moments[cell + 1] - moments[cell])
        )
    }
}
