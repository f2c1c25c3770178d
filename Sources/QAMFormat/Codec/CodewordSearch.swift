/// What finding codewords takes beside the codebook: built once for a codebook, shared by all tensors coded with it.
package struct CodewordSearch: Sendable {
    package enum Method: Sendable {
        /// Every pair by itself: the candidates of its cell.
        case grid(CandidateGrid)
        /// Whole groups: the trellis.
        case trellis
    }

    package let codebook: Codebook
    /// Coordinates of the codewords or base points: in index order for a grid, in the search's order for a trellis.
    package let x: [Float]
    package let y: [Float]
    package let method: Method

    /// O(cells): a few hundredths of a second for the largest codebooks.
    ///
    /// - Throws: `QAMError.unsupported` for codewords so large or so small that float32 distances lose their meaning.
    package init(_ codebook: Codebook) throws {
        self.codebook = codebook
        let values = switch codebook.family {
        case .free: codebook.points
        case .octant: codebook.magnitudes.map { Float($0) * codebook.step }
        }
        let largest = values.reduce(0) { max($0, $1.magnitude) }
        guard (0x1p-20...0x1p20).contains(largest) else {
            throw QAMError(.unsupported, "cannot code with a codebook whose largest coordinate is \(largest)")
        }
        let x: [Float], y: [Float]
        switch codebook.family {
        case .free:
            x = stride(from: 0, to: values.count, by: 2).map { values[$0] }
            y = stride(from: 1, to: values.count, by: 2).map { values[$0] }
        case .octant:
            x = Array(values[..<codebook.count])
            y = Array(values[codebook.count...])
        }

        // Cells about half as wide as the densest codewords are apart, and a margin for points beyond the outermost.
        let extent = 1.25 * largest
        let indexBits = codebook.count.trailingZeroBitCount
        switch codebook.family {
        case .free:
            method = .grid(CandidateGrid(x: x, y: y, side: 4 << ((indexBits + 1) / 2), extent: extent, origin: -extent))
        case .octant where codebook.rate >= 8:
            method = .grid(CandidateGrid(x: x, y: y, side: 8 << ((indexBits + 1) / 2), extent: extent, origin: 0))
        case .octant:
            method = .trellis
            var sortedX = x, sortedY = y
            for window in x.indices {
                let slot = Kernels.windowSlot(window, stride: codebook.rate)
                sortedX[slot] = x[window]
                sortedY[slot] = y[window]
            }
            self.x = sortedX
            self.y = sortedY
            return
        }
        self.x = x
        self.y = y
    }
}
