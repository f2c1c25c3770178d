package import QAMFormat

internal import CQAMKernels.Feedback

/// The C functions of coding with feedback behind safe signatures: the one place that hands pointers to them.
///
/// Sizes are this module's own arithmetic, never a file's word, so a wrong one is a bug and traps.
package struct FeedbackKernels: Sendable {
    /// Columns of a group.
    static let groupColumns = Int(FB_WIDTH)
    /// Columns up to whole groups.
    static func padded(_ columns: Int) -> Int { (columns + groupColumns - 1) / groupColumns * groupColumns }
    /// Floats that searching a trellis works in.
    static let workCount = Int(FB_WORK)

    /// Those for this machine, or for what of it the environment variable QAMW_ISA allows.
    package static let chosen = FeedbackKernels(features: qam_features_allowed())

    /// For extensions of the codecs.
    let table: fb_functions

    private init(features: UInt32) { table = unsafe fb_functions_for(features).pointee }

    /// Those for a set of features; nil where this machine lacks any.
    package init?(_ instructionSet: Kernels.InstructionSet) {
        guard instructionSet.isPresent else { return nil }
        self.init(features: instructionSet.features)
    }

    // MARK: - The factor

    typealias Doubles = SharedNumbers<Double>
    typealias Floats = SharedNumbers<Float>
    typealias Bytes = SharedNumbers<UInt8>

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
    ///
    /// - Parameter checkpoint: called for each block of columns; what it throws ends the work.
    func factor(_ m: Doubles, rows: Int, pool: WorkerPool, checkpoint: () throws -> Void) rethrows -> Bool {
        precondition(rows == 0 || Self.rowStart(rows - 1) + rows <= m.count)
        let block = Int(FB_BLOCK), grain = 32
        for column in stride(from: 0, to: rows, by: block) {
            try checkpoint()
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

    /// Rows of a group of columns: where the first begins, and how far apart they lie.
    struct Rows {
        let numbers: Floats
        let start: Int
        let apart: Int

        /// The first row, of which `length` floats are used; all `rows` are checked to lie inside.
        fileprivate func pointer(rows: Int, length: Int) -> UnsafeMutablePointer<Float> {
            precondition(start >= 0 && apart >= 0 && start + max(0, rows - 1) * apart + length <= numbers.count)
            return unsafe numbers.start + start
        }
    }

    /// Adds to `targets` the products of rows of errors and `count` rows of a panel, which begins at `place` of the panels.
    func feed(_ errors: Rows, count: Int, rows: Int, through panels: [Float], at place: Int, into targets: Rows) {
        precondition(count >= 0 && place >= 0 && place + count * Self.groupColumns <= panels.count)
        unsafe panels.withUnsafeBufferPointer { panels in
            guard let panel = panels.baseAddress else { return }
            unsafe table.feed(
                errors.pointer(rows: rows, length: count), errors.apart, panel + place, count, rows,
                targets.pointer(rows: rows, length: Self.groupColumns), targets.apart)
        }
    }

    /// Adds to `targets` the products of rows of coefficients and `count` rows of a group.
    func add(_ coefficients: Rows, times panel: Rows, count: Int, rows: Int, into targets: Rows) {
        precondition(panel.apart == Self.groupColumns)
        unsafe table.feed(
            coefficients.pointer(rows: rows, length: count), coefficients.apart, panel.pointer(rows: count, length: count > 0 ? panel.apart : 0),
            count, rows, targets.pointer(rows: rows, length: Self.groupColumns), targets.apart)
    }

    /// Where a group's coefficients begin: those of its own columns, and the elements of D.
    struct Coefficients {
        let panels: [Float]
        let panel: Int
        let metric: [Float]
        let firstPair: Int
    }

    /// Lends a row's group of `columns` columns to what codes it.
    ///
    /// - Parameters:
    ///   - z: the coordinates.
    ///   - targets: z moved by the errors before; takes what coding leaves of it.
    ///   - codewords: takes the codewords.
    ///   - place: where the group's symbols go.
    func withGroup(
        _ z: Rows, columns: Int, _ coefficients: Coefficients, targets: Rows, codewords: Rows, symbols: Bytes, at place: Range<Int>,
        _ body: (FeedbackGroup) -> Void
    ) {
        let width = Self.groupColumns, panel = coefficients.panel, pair = 3 * coefficients.firstPair
        precondition(columns > 0 && columns <= width)
        precondition(place.lowerBound >= 0 && place.upperBound <= symbols.count)
        precondition(panel >= 0 && panel + columns * width <= coefficients.panels.count)
        precondition(pair >= 0 && pair + (columns + 1) / 2 * 3 <= coefficients.metric.count)
        unsafe coefficients.panels.withUnsafeBufferPointer { panels in
            unsafe coefficients.metric.withUnsafeBufferPointer { metric in
                body(
                    unsafe FeedbackGroup(
                        part: fb_group(
                            columns: columns, panel: panels.baseAddress.map { unsafe $0 + panel }, metric: metric.baseAddress.map { unsafe $0 + pair },
                            z: z.pointer(rows: 1, length: width), targets: targets.pointer(rows: 1, length: width),
                            codewords: codewords.pointer(rows: 1, length: width), symbols: symbols.start + place.lowerBound)))
            }
        }
    }
}

/// A group of columns of a row that is to be coded, as the kernels take it; it lives as long as the call that it is handed to.
@safe package struct FeedbackGroup {
    let part: fb_group
}
