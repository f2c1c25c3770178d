/// The Voronoi cells of a set of sites within a convex domain.
struct VoronoiPartition {
    /// Properties of one cell.
    struct Cell {
        var integrals: GaussianCellIntegrals
        /// The sites that share an edge with the cell.
        var neighbours: [Int]
    }

    /// Half the side of the square that replaces the plane: beyond it the Gaussian's mass is below 1e-12.
    static let reach = 7.5
    /// The whole plane.
    static let plane = [SIMD2(-reach, -reach), SIMD2(reach, -reach), SIMD2(reach, reach), SIMD2(-reach, reach)]
    /// The octant x >= y >= 0.
    static let octant = [SIMD2(0.0, 0.0), SIMD2(reach, 0.0), SIMD2(reach, reach)]

    let domain: [SIMD2<Double>]
    private(set) var sites: [SIMD2<Double>]
    /// Site numbers by ascending x, and the rank of each site in that order.
    private var order: [Int]
    private var rank: [Int]
    /// Each cell's last known neighbours: clipping by these first leaves little else to check.
    private var hints: [[Int]]

    init(sites: [SIMD2<Double>], domain: [SIMD2<Double>]) {
        self.domain = domain
        self.sites = sites
        order = sites.indices.sorted { (sites[$0].x, $0) < (sites[$1].x, $1) }
        rank = order
        for (place, site) in order.enumerated() { rank[site] = place }
        hints = Array(repeating: [], count: sites.count)
    }

    /// Moves all sites.
    mutating func move(to sites: [SIMD2<Double>], hints: [[Int]]) {
        self = Self(sites: sites, domain: domain)
        self.hints = hints
    }

    /// Moves one site.
    mutating func move(_ site: Int, to position: SIMD2<Double>) {
        sites[site] = position
        var place = rank[site]
        while place > 0, sites[order[place - 1]].x > position.x {
            exchange(place - 1, place)
            place -= 1
        }
        while place + 1 < order.count, sites[order[place + 1]].x < position.x {
            exchange(place, place + 1)
            place += 1
        }
    }

    mutating func remember(neighbours: [Int], of site: Int) {
        hints[site] = neighbours
    }

    func neighbours(of site: Int) -> [Int] { hints[site] }

    private mutating func exchange(_ first: Int, _ second: Int) {
        order.swapAt(first, second)
        rank[order[first]] = first
        rank[order[second]] = second
    }

    /// The cell of one site; `polygon` is scratch space.
    func cell(_ site: Int, polygon: inout ConvexCell) -> Cell {
        let position = sites[site]
        polygon.reset(to: domain)
        for rival in hints[site] {
            _ = polygon.cut(site: position, rival: sites[rival], label: rival)
        }
        // Only sites nearer than twice the farthest vertex can clip.
        var bound = 4 * polygon.squaredRadius(about: position)
        for direction in [1, -1] {
            var place = rank[site] + direction
            while place >= 0, place < order.count {
                let rival = order[place]
                let d = sites[rival] - position
                if d.x * d.x > bound { break }
                if d.x * d.x + d.y * d.y < bound,
                    polygon.cut(site: position, rival: sites[rival], label: rival)
                {
                    bound = 4 * polygon.squaredRadius(about: position)
                }
                place += direction
            }
        }
        return Cell(
            integrals: GaussianCellIntegrals(vertices: polygon.vertices),
            neighbours: polygon.beyond.filter { $0 >= 0 })
    }
}
