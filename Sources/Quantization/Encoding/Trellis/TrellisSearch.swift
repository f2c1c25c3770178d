internal import CQAMKernels.Feedback
internal import CQAMKernels.Trellis
internal import QAMFormat
internal import Synchronization

/// The C kernels that search the windows of a trellis, and their tables: built once per code and shared by all tensors coded with it.
@safe final class TrellisSearch: @unchecked Sendable {
    /// Columns of a ring: they are coded together.
    static let ringColumns = Int(TR_SIDE)

    private let code: tr_code
    private let tables: UnsafeMutablePointer<Int16>
    /// Workspaces that no thread uses: each takes up to 8 MiB, and its pages are written anew when it is allocated.
    private let spare = Mutex<[Workspace]>([])

    /// The unit of the integer values, for coordinates of unit variance.
    let step: Float

    /// O(2^window).
    init(window: Int, rate: Int) {
        code = tr_code(window: UInt32(window), rate: UInt32(rate))
        step = tr_step(code)
        unsafe tables = Self.allocate(tr_table_words(code))
        unsafe tr_functions_for(Kernels.chosen.features).pointee.make_tables(code, tables)
    }

    deinit {
        unsafe tables.deallocate()
        spare.withLock { workspaces in for workspace in workspaces { workspace.free() } }
    }

    /// Memory at a multiple of a cache line.
    private static func allocate<Number>(_ count: Int) -> UnsafeMutablePointer<Number> {
        unsafe UnsafeMutableRawPointer.allocate(byteCount: max(1, count) * MemoryLayout<Number>.stride, alignment: 64)
            .bindMemory(to: Number.self, capacity: max(1, count))
    }

    /// What a search of one ring writes.
    @safe private struct Workspace: @unchecked Sendable {
        let costs: UnsafeMutablePointer<UInt16>
        let targets: UnsafeMutablePointer<Int16>
        let weights: UnsafeMutablePointer<Int16>
        let path: UnsafeMutablePointer<UInt16>
        let errors: UnsafeMutablePointer<Float>

        init(_ code: tr_code) {
            unsafe costs = allocate(tr_work_words(code))
            unsafe targets = allocate(Int(TR_RING))
            unsafe weights = allocate(Int(TR_SIDE))
            unsafe path = allocate(Int(TR_RING))
            unsafe errors = allocate(Int(TR_RING))
        }

        func free() {
            unsafe costs.deallocate()
            unsafe targets.deallocate()
            unsafe weights.deallocate()
            unsafe path.deallocate()
            unsafe errors.deallocate()
        }
    }

    private func withWorkspace(_ body: (Workspace) -> Void) {
        let workspace = spare.withLock { $0.popLast() } ?? Workspace(code)
        body(workspace)
        spare.withLock { $0.append(workspace) }
    }

    /// The row of a group and the column of a ring that weight t of the ring has.
    private static func place(_ t: Int) -> (row: Int, column: Int) { (t / 32 + (t % 32 < 16 ? 0 : 8), t % 16) }

    /// A coordinate in the units of the search's targets.
    private func target(_ z: Float) -> Int16 {
        let value = z / step * Float(TR_TARGET_UNITS)
        return Int16(max(-32767, min(32767, value.rounded(.toNearestOrEven))))
    }

    /// Encodes the coordinates of up to sixteen rows, row by row.
    func encode(_ z: [Float], rows: Int, into symbols: inout [UInt8], at place: Range<Int>, _ kernels: Kernels) {
        let columns = z.count / rows, functions = unsafe tr_functions_for(kernels.features).pointee
        withWorkspace { work in
            unsafe Kernels.withPart(&symbols, place) { bytes in
                guard let bytes = unsafe bytes else { return }
                for start in stride(from: 0, to: columns, by: Self.ringColumns) {
                    for t in 0..<Int(TR_RING) {
                        let (row, column) = Self.place(t)
                        unsafe work.targets[t] = row < rows && start + column < columns ? target(z[row * columns + start + column]) : 0
                    }
                    unsafe functions.search(code, tables, work.targets, nil, work.costs, work.path)
                    unsafe store(work, column: start, bytes)
                }
            }
        }
    }

    /// Encodes a group of columns, and feeds the errors of each ring into the later columns of the group.
    func code(_ group: FeedbackGroup, _ kernels: FeedbackKernels) {
        let part = unsafe group.part, columns = unsafe part.columns
        precondition(group.symbolBytes == tr_tiles(columns) * tr_tile_bytes(code.rate))
        let functions = unsafe tr_functions_for(kernels.features).pointee
        guard let panel = unsafe part.panel, let targets = unsafe part.targets, let z = unsafe part.z, let codewords = unsafe part.codewords,
            let symbols = unsafe part.symbols
        else { return }
        withWorkspace { work in
            for start in stride(from: 0, to: columns, by: Self.ringColumns) {
                let used = min(Self.ringColumns, columns - start)
                for t in 0..<Int(TR_RING) {
                    let (row, column) = Self.place(t)
                    unsafe work.targets[t] = row < group.rows && column < used ? target(targets[row * group.rowStride + start + column]) : 0
                }
                let isWeighted = unsafe weigh(columnsOf: start / Self.ringColumns, part.metric, into: work.weights)
                unsafe functions.search(code, tables, work.targets, isWeighted ? work.weights : nil, work.costs, work.path)
                unsafe store(work, column: start, symbols)
                for t in 0..<Int(TR_RING) {
                    let (row, column) = Self.place(t)
                    guard row < group.rows, column < used else { continue }
                    let place = row * group.rowStride + start + column
                    let codeword = unsafe Float(tr_value(UInt32(work.path[t]))) * step
                    unsafe codewords[row * group.codewordStride + start + column] = codeword
                    unsafe targets[place] -= codeword
                    unsafe work.errors[row * Self.ringColumns + column] = z[place] - codeword
                }
                unsafe kernels.table.feed(
                    work.errors, Self.ringColumns, panel + start * FeedbackKernels.groupColumns, used, group.rows, targets, group.rowStride)
            }
        }
    }

    /// The weights of a ring's columns: the diagonal of D DT. False if they differ so little that equal ones do.
    private func weigh(columnsOf unit: Int, _ metric: UnsafePointer<Float>?, into weights: UnsafeMutablePointer<Int16>) -> Bool {
        guard let metric = unsafe metric else { return false }
        let columns = Self.ringColumns
        var diagonal = [Float](repeating: 0, count: columns)
        var place = unit * columns * (columns + 1) / 2
        for column in 0..<columns {
            for row in 0...column {
                unsafe diagonal[row] += metric[place] * metric[place]
                place += 1
            }
        }
        guard let largest = diagonal.max(), let least = diagonal.min(), largest > 0, least < largest * Self.evenWeights else { return false }
        for column in 0..<columns { unsafe weights[column] = Int16((diagonal[column] / largest * 32767).rounded(.toNearestOrEven)) }
        return true
    }

    /// Weights of which none is below this share of the largest are taken for equal.
    private static let evenWeights: Float = 0.5

    /// Stores the windows of the ring at this column.
    private func store(_ work: Workspace, column: Int, _ symbols: UnsafeMutablePointer<UInt8>) {
        let tile = column / Int(TR_COLUMNS) * tr_tile_bytes(code.rate)
        unsafe tr_store(code, work.path, UInt32(column % Int(TR_COLUMNS) / Self.ringColumns), symbols + tile)
    }
}
