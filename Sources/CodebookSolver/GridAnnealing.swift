/// Simulated annealing of base points on their integer grid (Kirkpatrick, Gelatt and Vecchi, 1983).
///
/// Rounding a converged codebook displaces each point independently; on the grid itself neighbours can adapt to each other, and the
/// objective is the exact distortion of the octant under the Gaussian.
struct GridAnnealing: Sendable {
    static let largest = 255

    let step: Double
    private(set) var points: [SIMD2<Int>]
    private var partition: VoronoiPartition
    private var distortions: [Double]
    private var polygon = ConvexCell()
    private var random: RandomSource

    /// Starts from `sites` rounded to multiples of `step`.
    init(sites: [SIMD2<Double>], step: Double, seed: UInt64) {
        self.step = step
        points = sites.map { site in
            let rounded = (site / step).rounded(.toNearestOrAwayFromZero)
            return SIMD2(min(Self.largest, Int(rounded.x)), min(Self.largest, Int(rounded.y)))
        }
        random = RandomSource(seed: seed)
        partition = VoronoiPartition(
            sites: points.map { step * SIMD2<Double>($0) }, domain: VoronoiPartition.octant)
        distortions = []
        for site in points.indices {
            let cell = partition.cell(site, polygon: &polygon)
            partition.remember(neighbours: cell.neighbours, of: site)
            distortions.append(cell.integrals.distortion(about: partition.sites[site]))
        }
    }

    /// The mean squared error per component; the octant holds an eighth of the Gaussian.
    var meanSquaredError: Double { distortions.reduce(0, +) * 8 / 2 }

    /// Anneals for `sweeps` trials per point while the temperature falls from `hot` to `cold`, both in units of the average point's
    /// probability times the squared step: the cost of one rounding.
    mutating func anneal(sweeps: Int, hot: Double, cold: Double) {
        let unit = step * step / 8 / Double(points.count)
        let decay = ElementaryFunctions.log(cold / hot) / Double(max(1, sweeps - 1))
        for sweep in 0..<sweeps {
            let temperature = unit * hot * ElementaryFunctions.exp(decay * Double(sweep))
            for _ in points.indices {
                let site = random.index(below: points.count)
                let offset = SIMD2(random.index(below: 3) - 1, random.index(below: 3) - 1)
                _ = tryMove(site, by: offset, threshold: -temperature * ElementaryFunctions.log(1 - random.uniform()))
            }
        }
    }

    /// Applies single steps that lower the distortion until there are none.
    mutating func descend() {
        var isMoving = true
        while isMoving {
            isMoving = false
            for site in points.indices {
                for index in 0..<9 where tryMove(site, by: SIMD2(index / 3 - 1, index % 3 - 1), threshold: 0) {
                    isMoving = true
                }
            }
        }
    }

    /// Moves a point if the distortion rises by less than `threshold`. Returns whether it moved.
    private mutating func tryMove(_ site: Int, by offset: SIMD2<Int>, threshold: Double) -> Bool {
        let point = points[site] &+ offset
        guard point.x <= Self.largest, point.y >= 0, point.y <= point.x, !points.contains(point) else { return false }
        let former = partition.sites[site]
        // Only cells that touch the point's cell before or after the move can change.
        var affected = partition.neighbours(of: site)
        partition.move(site, to: step * SIMD2<Double>(point))
        let own = partition.cell(site, polygon: &polygon)
        for neighbour in own.neighbours where !affected.contains(neighbour) { affected.append(neighbour) }
        var change = own.integrals.distortion(about: partition.sites[site]) - distortions[site]
        var cells: [(site: Int, cell: VoronoiPartition.Cell, distortion: Double)] = []
        for neighbour in affected {
            let cell = partition.cell(neighbour, polygon: &polygon)
            let distortion = cell.integrals.distortion(about: partition.sites[neighbour])
            change += distortion - distortions[neighbour]
            cells.append((neighbour, cell, distortion))
        }
        // Rounding errors must not count as progress, or the descent might not terminate.
        guard change < threshold - 1e-13 else {
            partition.move(site, to: former)
            return false
        }
        points[site] = point
        distortions[site] = own.integrals.distortion(about: partition.sites[site])
        partition.remember(neighbours: own.neighbours, of: site)
        for (neighbour, cell, distortion) in cells {
            distortions[neighbour] = distortion
            partition.remember(neighbours: cell.neighbours, of: neighbour)
        }
        return true
    }
}
