internal import QAMFormat

/// A square grid of cells, each with the codewords that can be nearest to some point of the cell, so that a search
/// compares a handful of codewords instead of all.
///
/// Exact by construction: a codeword is left out of a cell only where some other one is nearer, by more than the
/// rounding of float32 distances, at all four corners. What separates the two is a straight line, so the other one
/// is nearer in the whole cell. Points outside the grid are compared with all codewords.
package struct CandidateGrid: Sendable {
    /// Cells along either axis.
    package let side: Int
    /// The least coordinate of the grid, on both axes.
    package let origin: Float
    package let cellsPerUnit: Float
    /// Cell i of row-major order has `candidates[starts[i]..<starts[i + 1]]`, in ascending order.
    let starts: [UInt32]
    let candidates: [UInt16]
    /// The short ones of these lists again, as the kernels want them for many points at once.
    let cells: [UInt16]

    /// A grid over [origin, -origin or more] or, with `origin` 0, over the quadrant that holds an octant's points.
    ///
    /// `side` is a power of two. O(codewords + cells), by splitting the square in four and dropping at every split the
    /// codewords that are out of the running.
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

    /// Cells are taken this much wider, in cells, than they are: more than the rounding of a point's cell number.
    static let border = 0x1p-10
    /// Codewords whose squared distances differ by less than this share of them count as tied.
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
        // Everything against the codeword whose farthest corner is nearest; in small lists, everything against everything.
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
