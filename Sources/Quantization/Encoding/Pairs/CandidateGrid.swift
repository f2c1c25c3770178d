internal import QAMFormat

/// A square grid of cells, each with the codewords that can be nearest to some point of the cell, so that a search compares a handful of codewords instead of
/// all.
///
/// Exact by construction: a codeword is left out of a cell only if some other one is nearer at all four corners, by more than the rounding of float32
/// distances. Since the boundary between the two is a straight line, the other one is nearer in the whole cell. Points outside the grid are compared with all
/// codewords.
package struct CandidateGrid: Sendable {
    /// Cells along each axis.
    package let side: Int
    /// The least coordinate of the grid, on both axes.
    package let origin: Float
    package let cellsPerUnit: Float
    /// Cell i in row-major order has `candidates[starts[i]..<starts[i + 1]]`, in ascending order.
    let starts: [UInt32]
    let candidates: [UInt16]
    /// The short lists again, in the layout that the kernels use for many points at once.
    let cells: [UInt16]

    /// A grid over [origin, -origin or more] or, with `origin` 0, over the quadrant of an octant's points.
    ///
    /// `side` is a power of two. O(codewords + cells): the square is split in four recursively, and each split drops codewords that cannot be nearest.
    init(_ points: [Float], side: Int, extent: Float, origin: Float) {
        self.side = side
        self.origin = origin
        cellsPerUnit = Float(side) / (extent - origin)
        let count = points.count / 2
        var builder = Builder(
            x: (0..<count).map { Double(points[2 * $0]) }, y: (0..<count).map { Double(points[2 * $0 + 1]) }, side: side, origin: Double(origin),
            width: 1 / Double(cellsPerUnit))
        builder.split(column: 0, row: 0, size: side, candidates: (0..<count).map(UInt16.init))
        var starts: [UInt32] = [0]
        starts.reserveCapacity(builder.cells.count + 1)
        for cell in builder.cells { starts.append(starts.last.map { $0 + UInt32(cell.count) } ?? 0) }
        self.starts = starts
        candidates = Array(builder.cells.joined())
        cells = Kernels.cells(starts: starts, candidates: candidates)
    }
}

private struct Builder {
    let x: [Double]
    let y: [Double]
    let side: Int
    let origin: Double
    let width: Double
    var cells: [[UInt16]]

    /// Cells are widened by this much, in cells: more than the rounding error of a point's cell index.
    static let border = 0x1p-10
    /// Codewords whose squared distances differ by less than this fraction count as tied.
    static let tie = 0x1p-20

    init(x: [Double], y: [Double], side: Int, origin: Double, width: Double) {
        self.x = x
        self.y = y
        self.side = side
        self.origin = origin
        self.width = width
        cells = Array(repeating: [], count: side * side)
    }

    mutating func split(column: Int, row: Int, size: Int, candidates: [UInt16]) {
        let kept = contenders(candidates, column: column, row: row, size: size)
        guard size > 1 else {
            cells[row * side + column] = kept
            return
        }
        let half = size / 2
        for (down, right) in [(0, 0), (0, half), (half, 0), (half, half)] {
            split(column: column + right, row: row + down, size: half, candidates: kept)
        }
    }

    /// The squared distances of a codeword to the corners of a square.
    private typealias Corners = SIMD4<Double>

    private func contenders(_ candidates: [UInt16], column: Int, row: Int, size: Int) -> [UInt16] {
        let left = origin + (Double(column) - Self.border) * width, top = origin + (Double(row) - Self.border) * width
        let length = (Double(size) + 2 * Self.border) * width
        let cornersX = Corners(left, left + length, left, left + length)
        let cornersY = Corners(top, top, top + length, top + length)
        let distances = candidates.map { k in
            let dx = cornersX - x[Int(k)], dy = cornersY - y[Int(k)]
            return dx * dx + dy * dy
        }
        // Long lists are compared with the codeword whose farthest corner is nearest, short ones pairwise.
        var rivals = Array(distances.indices)
        if rivals.count > 24, let central = rivals.min(by: { distances[$0].max() < distances[$1].max() }) {
            rivals = [central]
        }
        return candidates.indices.filter { k in
            let own = distances[k], margin = own.max() * Self.tie
            return !rivals.contains { (own - distances[$0]).min() > margin }
        }.map { candidates[$0] }
    }
}
