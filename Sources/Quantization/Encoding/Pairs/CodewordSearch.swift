package import QAMFormat

/// The search tables of a codebook: built once and shared by all tensors coded with it.
package struct CodewordSearch: Sendable {
    package enum Method: Sendable {
        /// Each pair independently, among the candidates of its cell.
        case grid(CandidateGrid)
        /// Whole groups, with the tables of the trellis.
        case trellis([Int32])
    }

    package let codebook: Codebook
    /// Coordinates of the codewords or base points: pairs (x, y).
    package let points: [Float]
    package let method: Method

    /// O(cells): a few hundredths of a second for the largest codebooks.
    ///
    /// - Throws: `QAMError.unsupported` for codewords so large or small that float32 distances lose precision.
    package init(_ codebook: Codebook) throws {
        self.codebook = codebook
        points =
            switch codebook.family {
            case .free: codebook.points
            case .octant:
                (0..<codebook.count).flatMap { k in
                    [codebook.magnitudes[k], codebook.magnitudes[codebook.count + k]].map { Float($0) * codebook.step }
                }
            }
        let largest = points.reduce(0) { max($0, $1.magnitude) }
        guard (0x1p-20...0x1p20).contains(largest) else {
            throw QAMError(.unsupported, "cannot code with a codebook whose largest coordinate is \(largest)")
        }
        if codebook.family == .octant, codebook.rate < 8 {
            method = .trellis(Kernels.trellisTables(codebook))
            return
        }

        // Cells are about half as wide as the spacing of the densest codewords; the margin is for points beyond the outermost.
        let extent = 1.25 * largest, indexBits = codebook.count.trailingZeroBitCount
        let side = (codebook.family == .free ? 4 : 8) << ((indexBits + 1) / 2)
        method = .grid(CandidateGrid(points, side: side, extent: extent, origin: codebook.family == .free ? -extent : 0))
    }
}
