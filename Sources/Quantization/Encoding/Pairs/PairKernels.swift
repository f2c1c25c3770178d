internal import CQAMKernels.Feedback
internal import CQAMKernels.Pairs
package import QAMFormat

/// Safe wrappers of the C kernels that search codewords.
extension Kernels {
    /// The symbols of the codewords nearest to a row.
    package func encode(_ z: [Float], with search: CodewordSearch, into symbols: inout [UInt8], at place: Range<Int>) {
        let rate = UInt32(search.codebook.rate)
        precondition(place.count == Self.byteCount(search.codebook, columns: z.count))
        unsafe Self.withPart(&symbols, place) { bytes in
            switch search.method {
            case .trellis(let tables):
                unsafe table.octant_encode_trellis(z, z.count, tables, search.codebook.step, rate, bytes)
            case .grid(let grid):
                unsafe Self.withPlane(search, grid) { plane in
                    switch search.codebook.family {
                    case .free: unsafe table.free_encode(z, z.count, plane, rate, bytes)
                    case .octant: unsafe table.octant_encode_plain(z, z.count, plane, rate, bytes)
                    }
                }
            }
        }
    }

    /// The tables for the trellis search of a codebook.
    static func trellisTables(_ codebook: Codebook) -> [Int32] {
        var tables = [Int32](repeating: 0, count: QAM_TRELLIS_WORDS)
        unsafe qam_trellis_tables(codebook.magnitudes, UInt32(codebook.rate), &tables)
        return tables
    }

    /// The short candidate lists of a grid's cells.
    static func cells(starts: [UInt32], candidates: [UInt16]) -> [UInt16] {
        let count = starts.count - 1
        var cells = [UInt16](repeating: 0, count: 4 * count)
        unsafe qam_fill_cells(starts, candidates, count, &cells)
        return cells
    }

    static func withPlane(_ search: CodewordSearch, _ grid: CandidateGrid, _ body: (UnsafePointer<qam_plane>) -> Void) {
        let codebook = search.codebook
        unsafe search.points.withUnsafeBufferPointer { points in
            unsafe codebook.magnitudes.withUnsafeBufferPointer { magnitudes in
                unsafe grid.starts.withUnsafeBufferPointer { starts in
                    unsafe grid.candidates.withUnsafeBufferPointer { candidates in
                        unsafe grid.cells.withUnsafeBufferPointer { cells in
                            var plane = unsafe qam_plane(
                                points: points.baseAddress, count: UInt32(codebook.count), side: UInt32(grid.side),
                                origin: grid.origin, cells_per_unit: grid.cellsPerUnit, starts: starts.baseAddress,
                                candidates: candidates.baseAddress, cells: cells.baseAddress,
                                magnitudes: magnitudes.baseAddress, step: codebook.step)
                            unsafe body(&plane)
                        }
                    }
                }
            }
        }
    }
}

extension FeedbackKernels {
    /// Encodes a group of a row.
    func code(_ group: FeedbackGroup, with search: CodewordSearch, work: inout [Float]) {
        let codebook = search.codebook, rate = UInt32(codebook.rate)
        precondition(unsafe group.part.columns % 2 == 0 && work.count >= Self.workCount)
        switch search.method {
        case .trellis: unsafe withUnsafePointer(to: group.part) { unsafe table.code_trellis($0, search.points, rate, &work) }
        case .grid(let grid):
            unsafe Kernels.withPlane(search, grid) { plane in
                unsafe withUnsafePointer(to: group.part) {
                    unsafe table.code_plain($0, plane, codebook.family == .free ? QAM_FREE : QAM_OCTANT, rate)
                }
            }
        }
    }
}
