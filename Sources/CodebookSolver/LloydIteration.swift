/// Exact Lloyd steps: cells and centroids are integrals, not samples (Lloyd, 1982; Linde, Buzo and Gray, 1980).
enum LloydIteration {
    private static let chunk = 128

    /// Runs over-relaxed steps, site += relaxation * (centroid - site), until the largest move of a step is below `tolerance` or `limit`
    /// steps are done. The first steps are not relaxed, while the cells' neighbours still change.
    static func converge(
        _ partition: inout VoronoiPartition, relaxation: Double, limit: Int, tolerance: Double
    ) async {
        for step in 0..<limit {
            let cells = await self.cells(of: partition)
            let factor = step < 10 ? 1 : relaxation
            var sites = partition.sites
            var largest = 0.0
            for (index, cell) in cells.enumerated() where cell.integrals.mass > 1e-14 {
                let move = cell.integrals.centroid - sites[index]
                largest = max(largest, move.x * move.x + move.y * move.y)
                sites[index] += factor * move
            }
            partition.move(to: sites, hints: cells.map(\.neighbours))
            if largest < tolerance * tolerance { break }
        }
    }

    /// The mean squared error per component of the plane, or of the octant (an eighth of the plane's mass).
    static func meanSquaredError(of partition: VoronoiPartition) async -> Double {
        var distortion = 0.0
        var mass = 0.0
        for (cell, site) in zip(await cells(of: partition), partition.sites) {
            distortion += cell.integrals.distortion(about: site)
            mass += cell.integrals.mass
        }
        return distortion / mass / 2
    }

    private static func cells(of partition: VoronoiPartition) async -> [VoronoiPartition.Cell] {
        let count = partition.sites.count
        let chunks = await parallelMap((count + chunk - 1) / chunk) { index in
            var polygon = ConvexCell()
            return (index * chunk..<min(count, (index + 1) * chunk)).map { partition.cell($0, polygon: &polygon) }
        }
        return chunks.flatMap { $0 }
    }
}
