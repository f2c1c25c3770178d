package import QAMFormat

internal import CQAMKernels.Feedback

/// Safe wrappers of the C functions for error feedback: the only code that passes pointers to them.
///
/// Sizes are computed by this module, never read from a file, so a wrong one is a bug and traps.
package struct FeedbackKernels: Sendable {
    /// Columns of a group.
    static let groupColumns = Int(FB_WIDTH)
    /// Columns rounded up to whole groups.
    static func padded(_ columns: Int) -> Int { (columns + groupColumns - 1) / groupColumns * groupColumns }
    /// Size of the trellis search's workspace, in floats.
    static let workCount = Int(FB_WORK)

    /// The kernels for this machine, or for the features that the environment variable QAMW_ISA allows.
    package static let chosen = FeedbackKernels(features: qam_features_allowed())

    /// For the codecs' extensions.
    let table: fb_functions
    /// The features that the functions may use.
    let features: UInt32

    private init(features: UInt32) {
        self.features = features
        table = unsafe fb_functions_for(features).pointee
    }

    /// The kernels for a feature set; nil if this machine lacks any of it.
    package init?(_ instructionSet: Kernels.InstructionSet) {
        guard instructionSet.isPresent else { return nil }
        self.init(features: instructionSet.features)
    }

    // MARK: - The factor

    typealias Doubles = SharedNumbers<Double>
    typealias Floats = SharedNumbers<Float>
    typealias Bytes = SharedNumbers<UInt8>

    /// The start of row i in a packed triangle.
    static func rowStart(_ i: Int) -> Int { fb_row(i) }

    /// Walsh-Hadamard transforms of blocks of `count` doubles from `first` on, without normalisation.
    func hadamard(_ x: Doubles, first: Int, count: Int, block: Int) {
        precondition(first >= 0 && first + count <= x.count && count % block == 0)
        unsafe table.hadamard(x.start + first, count, block)
    }

    /// Transforms down the columns of `block` rows with a row stride of `rowStride` doubles, for `count` columns from `first` on.
    func hadamardRows(_ x: Doubles, first: Int, count: Int, rowStride: Int, block: Int) {
        precondition(first >= 0 && first + (block - 1) * rowStride + count <= x.count)
        unsafe table.hadamard_rows(x.start + first, rowStride, count, block)
    }

    /// Cholesky-factors a packed lower triangle of this many rows in place. False if it is not positive definite.
    ///
    /// - Parameter checkpoint: called for each block of columns; an error that it throws cancels the work.
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

    /// Rows of a group of columns: the start of the first, and the row stride.
    struct Rows {
        let numbers: Floats
        let start: Int
        let rowStride: Int

        /// The first row, of which `length` floats are used; traps if any of the `rows` is out of bounds.
        fileprivate func pointer(rows: Int, length: Int) -> UnsafeMutablePointer<Float> {
            precondition(start >= 0 && rowStride >= 0 && start + max(0, rows - 1) * rowStride + length <= numbers.count)
            return unsafe numbers.start + start
        }
    }

    /// Adds to `targets` the matrix product of errors and `count` rows of a panel, which begins at `place` in `panels`.
    func feed(_ errors: Rows, count: Int, rows: Int, through panels: [Float], at place: Int, into targets: Rows) {
        precondition(count >= 0 && place >= 0 && place + count * Self.groupColumns <= panels.count)
        unsafe panels.withUnsafeBufferPointer { panels in
            guard let panel = panels.baseAddress else { return }
            unsafe table.feed(
                errors.pointer(rows: rows, length: count), errors.rowStride, panel + place, count, rows,
                targets.pointer(rows: rows, length: Self.groupColumns), targets.rowStride)
        }
    }

    /// Adds to `targets` the matrix product of coefficients and `count` rows of a group.
    func add(_ coefficients: Rows, times panel: Rows, count: Int, rows: Int, into targets: Rows) {
        precondition(panel.rowStride == Self.groupColumns)
        unsafe table.feed(
            coefficients.pointer(rows: rows, length: count), coefficients.rowStride, panel.pointer(rows: count, length: count > 0 ? panel.rowStride : 0),
            count, rows, targets.pointer(rows: rows, length: Self.groupColumns), targets.rowStride)
    }

    /// A group's coefficients: those of its own columns, and the elements of D.
    struct Coefficients {
        let panels: [Float]
        let panel: Int
        let metric: [Float]
        let metricPlace: Range<Int>
    }

    /// Passes a group of `columns` columns, of rows that are coded together, to `body`.
    ///
    /// - Parameters:
    ///   - z: the coordinates.
    ///   - targets: z adjusted for earlier errors; receives the remaining errors.
    ///   - codewords: receives the codewords.
    ///   - place: the position of the group's symbols.
    func withGroup(
        _ z: Rows, rows: Int, columns: Int, _ coefficients: Coefficients, targets: Rows, codewords: Rows, symbols: Bytes, at place: Range<Int>,
        _ body: (FeedbackGroup) -> Void
    ) {
        let width = Self.groupColumns, panel = coefficients.panel, metricPlace = coefficients.metricPlace
        precondition(columns > 0 && columns <= width && rows > 0 && z.rowStride == targets.rowStride)
        precondition(place.lowerBound >= 0 && place.upperBound <= symbols.count)
        precondition(panel >= 0 && panel + columns * width <= coefficients.panels.count)
        precondition(metricPlace.lowerBound >= 0 && metricPlace.upperBound <= coefficients.metric.count)
        unsafe coefficients.panels.withUnsafeBufferPointer { panels in
            unsafe coefficients.metric.withUnsafeBufferPointer { metric in
                body(
                    unsafe FeedbackGroup(
                        part: fb_group(
                            columns: columns, panel: panels.baseAddress.map { unsafe $0 + panel },
                            metric: metric.baseAddress.map { unsafe $0 + metricPlace.lowerBound }, z: z.pointer(rows: rows, length: width),
                            targets: targets.pointer(rows: rows, length: width), codewords: codewords.pointer(rows: rows, length: width),
                            symbols: symbols.start + place.lowerBound), rows: rows, rowStride: z.rowStride, codewordStride: codewords.rowStride,
                        symbolBytes: place.count))
            }
        }
    }
}

/// A group of columns to be coded, of a row or of the rows that are coded together, in the kernels' layout; valid during the call that it is passed to.
@safe package struct FeedbackGroup {
    /// The first row.
    let part: fb_group
    let rows: Int
    /// Of coordinates and targets, in floats.
    let rowStride: Int
    /// Of codewords, in floats.
    let codewordStride: Int
    /// The bytes of the symbols, of all groups that are coded in one call.
    let symbolBytes: Int
    /// The next group, for coders of two.
    private(set) var next: fb_group?

    init(part: fb_group, rows: Int, rowStride: Int, codewordStride: Int, symbolBytes: Int) {
        unsafe self.part = unsafe part
        self.rows = rows
        self.rowStride = rowStride
        self.codewordStride = codewordStride
        self.symbolBytes = symbolBytes
        unsafe next = nil
    }

    /// The columns of all groups that are coded in one call.
    var columns: Int { unsafe part.columns + (next?.columns ?? 0) }

    /// Both groups, of which the second directly follows the first.
    func joined(with other: FeedbackGroup) -> FeedbackGroup {
        precondition(unsafe part.columns == FeedbackKernels.groupColumns && other.next == nil)
        var both = self
        unsafe both.next = unsafe other.part
        return both
    }

    /// Passes the groups to `body` as consecutive structures.
    func withParts(_ body: (UnsafePointer<fb_group>) -> Void) {
        var parts = unsafe [part]
        if let next = unsafe next { unsafe parts.append(next) }
        unsafe parts.withUnsafeBufferPointer { parts in
            if let start = parts.baseAddress { unsafe body(start) }
        }
    }
}
