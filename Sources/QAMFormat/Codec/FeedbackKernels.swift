internal import CFeedbackKernels

/// The C functions of coding with feedback behind safe signatures: the one place that hands pointers to them.
///
/// Sizes are this module's own arithmetic, never a file's word, so a wrong one is a bug and traps.
package struct FeedbackKernels: Sendable {
    /// Columns of a group.
    static let groupColumns = Int(FB_WIDTH)
    /// Floats that searching a trellis works in.
    static let workCount = Int(FB_WORK)

    /// Those for this machine, or the best that the environment variable QAMW_ISA allows.
    package static let chosen = unsafe FeedbackKernels(table: fb_functions_chosen().pointee)

    private let table: fb_functions

    private init(table: fb_functions) { self.table = table }

    /// Those for an instruction set; nil where there are none or this machine does not have it.
    package init?(_ instructionSet: Kernels.InstructionSet) {
        let number: fb_isa
        switch instructionSet {
        case .scalar: number = FB_SCALAR
        case .avx2: number = FB_AVX2
        case .avx512: number = FB_AVX512
        case .neon: return nil
        }
        guard let table = unsafe fb_functions_for(number) else { return nil }
        self.table = unsafe table.pointee
    }

    // MARK: - The factor

    /// Doubles that many threads fill and change, each its own part of them.
    @safe final class Doubles: @unchecked Sendable {
        fileprivate let start: UnsafeMutablePointer<Double>
        let count: Int

        init(count: Int) {
            self.count = count
            unsafe start = .allocate(capacity: max(1, count))
            unsafe start.initialize(repeating: 0, count: count)
        }

        deinit { unsafe start.deallocate() }

        subscript(_ index: Int) -> Double {
            get {
                precondition(index >= 0 && index < count)
                return unsafe start[index]
            }
            set {
                precondition(index >= 0 && index < count)
                unsafe start[index] = newValue
            }
        }
    }

    /// Where row i of a packed triangle begins.
    static func rowStart(_ i: Int) -> Int { fb_row(i) }

    /// Transforms blocks of `count` doubles from `first` on, without normalisation.
    func hadamard(_ x: Doubles, first: Int, count: Int, block: Int) {
        precondition(first >= 0 && first + count <= x.count && count % block == 0)
        unsafe table.hadamard(x.start + first, count, block)
    }

    /// Transforms across `block` rows that lie `apart` doubles apart, for `count` columns from `first` on.
    func hadamardRows(_ x: Doubles, first: Int, count: Int, apart: Int, block: Int) {
        precondition(first >= 0 && first + (block - 1) * apart + count <= x.count)
        unsafe table.hadamard_rows(x.start + first, apart, count, block)
    }

    /// Factors a packed lower triangle of so many rows in place. False where it is not positive definite.
    func factor(_ m: Doubles, rows: Int, pool: WorkerPool) -> Bool {
        precondition(rows == 0 || Self.rowStart(rows - 1) + rows <= m.count)
        let block = Int(FB_BLOCK), grain = 32
        for column in stride(from: 0, to: rows, by: block) {
            let end = min(column + block, rows)
            pool.forEach(column..<end, grain: 16) { unsafe table.reduce(m.start, column, end - column, $0.lowerBound, $0.upperBound) }
            guard unsafe table.factor(m.start, column, end - column) else { return false }
            pool.forEach(end..<rows, grain: grain) {
                unsafe table.reduce(m.start, column, end - column, $0.lowerBound, $0.upperBound)
                unsafe table.solve(m.start, column, end - column, $0.lowerBound, $0.upperBound)
            }
        }
        return true
    }

    // MARK: - Coding

    /// Adds to `targets`, from the group at column `group` on, what the first `count` columns of `errors` move it by, in
    /// all rows of `apart` columns.
    func feed(_ errors: [Float], through factor: FeedbackFactor, group: Int, count: Int, apart: Int, into targets: inout [Float]) {
        precondition(errors.count == targets.count && errors.count % apart == 0 && group + Self.groupColumns <= apart && count <= apart)
        let place = factor.panelStart(group: group)
        precondition(place + count * Self.groupColumns <= factor.panels.count)
        unsafe errors.withUnsafeBufferPointer { errors in
            unsafe factor.panels.withUnsafeBufferPointer { panels in
                unsafe targets.withUnsafeMutableBufferPointer { targets in
                    guard let e = errors.baseAddress, let p = panels.baseAddress, let t = targets.baseAddress else { return }
                    unsafe table.feed(e, p + place, count, errors.count / apart, apart, t + group)
                }
            }
        }
    }

    /// Codes the group of `columns` columns at column `group` in the row that begins at `row` of the arrays.
    ///
    /// - Parameters:
    ///   - z: the coordinates.
    ///   - targets: z moved by the errors of the columns before; takes what coding leaves of it.
    ///   - codewords: takes the codewords.
    ///   - place: where the group's symbols go.
    func code(
        _ z: [Float], row: Int, group: Int, columns: Int, _ search: CodewordSearch, _ factor: FeedbackFactor, targets: inout [Float],
        codewords: inout [Float], symbols: inout [UInt8], at place: Range<Int>, work: inout [Float]
    ) {
        let first = row + group, end = first + Self.groupColumns
        precondition(end <= z.count && end <= targets.count && end <= codewords.count && place.upperBound <= symbols.count)
        precondition(columns > 0 && columns % 2 == 0 && columns <= Self.groupColumns && work.count >= Self.workCount)
        let rate = UInt32(search.codebook.rate), panel = factor.panelStart(group: group) + group * Self.groupColumns
        let isOctant = search.codebook.family == .octant
        precondition(place.count == (columns + 15) / 16 * (isOctant ? 3 + search.codebook.rate : search.codebook.rate))
        precondition(panel + columns * Self.groupColumns <= factor.panels.count && (group + columns) / 2 * 3 <= factor.metric.count)
        unsafe z.withUnsafeBufferPointer { z in
            unsafe targets.withUnsafeMutableBufferPointer { targets in
                unsafe codewords.withUnsafeMutableBufferPointer { codewords in
                    unsafe symbols.withUnsafeMutableBufferPointer { symbols in
                        unsafe factor.panels.withUnsafeBufferPointer { panels in
                            unsafe factor.metric.withUnsafeBufferPointer { metric in
                                var part = unsafe fb_group(
                                    columns: columns, panel: panels.baseAddress.map { unsafe $0 + panel },
                                    metric: metric.baseAddress.map { unsafe $0 + group / 2 * 3 }, z: z.baseAddress.map { unsafe $0 + first },
                                    targets: targets.baseAddress.map { unsafe $0 + first },
                                    codewords: codewords.baseAddress.map { unsafe $0 + first },
                                    symbols: symbols.baseAddress.map { unsafe $0 + place.lowerBound })
                                switch search.method {
                                case .trellis: unsafe table.code_trellis(&part, search.points, rate, &work)
                                case .grid(let grid): unsafe Self.withPlane(search, grid) { unsafe table.code_plain(&part, $0) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    private static func withPlane(_ search: CodewordSearch, _ grid: CandidateGrid, _ body: (UnsafePointer<fb_plane>) -> Void) {
        unsafe search.points.withUnsafeBufferPointer { points in
            unsafe grid.starts.withUnsafeBufferPointer { starts in
                unsafe grid.candidates.withUnsafeBufferPointer { candidates in
                    var plane = unsafe fb_plane(
                        points: points.baseAddress, count: UInt32(search.codebook.count), side: UInt32(grid.side), origin: grid.origin,
                        cells_per_unit: grid.cellsPerUnit, starts: starts.baseAddress, candidates: candidates.baseAddress,
                        octant: search.codebook.family == .octant, rate: UInt32(search.codebook.rate))
                    unsafe body(&plane)
                }
            }
        }
    }
}
