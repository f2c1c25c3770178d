/// A convex polygon clipped by half-planes; each edge records the site on its other side.
struct ConvexCell {
    /// Counter-clockwise; edge k goes from vertex k to its successor.
    private(set) var vertices: [SIMD2<Double>] = []
    /// The site on the other side of edge k; -1 for the border of the domain.
    private(set) var beyond: [Int] = []
    private var excess: [Double] = []
    /// Cuts shallower than this are rounding errors, such as a second cut along the same edge.
    private static let slack = 1e-13
    private var spareVertices: [SIMD2<Double>] = []
    private var spareBeyond: [Int] = []

    /// Resets to the domain.
    mutating func reset(to domain: [SIMD2<Double>]) {
        vertices.removeAll(keepingCapacity: true)
        vertices.append(contentsOf: domain)
        beyond.removeAll(keepingCapacity: true)
        beyond.append(contentsOf: repeatElement(-1, count: domain.count))
    }

    /// The square of the largest distance from `site` to a vertex.
    func squaredRadius(about site: SIMD2<Double>) -> Double {
        var largest = 0.0
        for vertex in vertices {
            let d = vertex - site
            largest = max(largest, d.x * d.x + d.y * d.y)
        }
        return largest
    }

    /// Clips to the points at least as near to `site` as to `rival`. Returns whether anything was clipped.
    mutating func cut(site: SIMD2<Double>, rival: SIMD2<Double>, label: Int) -> Bool {
        let normal = rival - site
        let middle = 0.5 * (rival + site)
        let offset = normal.x * middle.x + normal.y * middle.y
        excess.removeAll(keepingCapacity: true)
        var isCut = false
        for vertex in vertices {
            let value = normal.x * vertex.x + normal.y * vertex.y - offset
            excess.append(value)
            if value > Self.slack { isCut = true }
        }
        guard isCut else { return false }
        spareVertices.removeAll(keepingCapacity: true)
        spareBeyond.removeAll(keepingCapacity: true)
        for index in vertices.indices {
            let next = index + 1 == vertices.count ? 0 : index + 1
            let (from, to) = (excess[index], excess[next])
            if from <= Self.slack {
                spareVertices.append(vertices[index])
                spareBeyond.append(beyond[index])
                if to > Self.slack {
                    spareVertices.append(vertices[index] + (vertices[next] - vertices[index]) * (from / (from - to)))
                    spareBeyond.append(label)
                }
            } else if to <= Self.slack {
                spareVertices.append(vertices[index] + (vertices[next] - vertices[index]) * (from / (from - to)))
                spareBeyond.append(beyond[index])
            }
        }
        swap(&vertices, &spareVertices)
        swap(&beyond, &spareBeyond)
        return true
    }
}
