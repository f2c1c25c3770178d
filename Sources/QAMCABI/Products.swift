public import CQAMW
import QAMFormat

/// The object behind a `qamw_matrix`.
private final class MatrixHandle: Sendable {
    let matrix: QAMMatrix
    init(_ matrix: QAMMatrix) { self.matrix = matrix }
}

/// The object behind `qamw_vectors`.
private final class VectorsHandle: Sendable {
    let activations: Activations
    init(_ activations: Activations) { self.activations = activations }
}

@c(qamw_make_pool) @implementation
public func qamw_make_pool(
    _ threads: UInt32, _ pool: UnsafeMutablePointer<OpaquePointer?>?, _ error: UnsafeMutablePointer<qamw_error>?
) -> Int32 {
    unsafe reporting(error) {
        try unsafe storeHandle(in: pool, "pool") { try WorkerPool(width: threadCount(threads)) }
    }
}

@c(qamw_free_pool) @implementation
public func qamw_free_pool(_ pool: OpaquePointer?) { unsafe release(pool, as: WorkerPool.self) }

@c(qamw_make_matrix) @implementation
public func qamw_make_matrix(
    _ file: OpaquePointer?, _ index: UInt64, _ matrix: UnsafeMutablePointer<OpaquePointer?>?,
    _ error: UnsafeMutablePointer<qamw_error>?
) -> Int32 {
    unsafe reporting(error) {
        try unsafe storeHandle(in: matrix, "matrix") {
            try unsafe MatrixHandle(QAMMatrix(object(file, "file", as: FileHandle.self).view(index)))
        }
    }
}

@c(qamw_free_matrix) @implementation
public func qamw_free_matrix(_ matrix: OpaquePointer?) { unsafe release(matrix, as: MatrixHandle.self) }

@c(qamw_make_vectors) @implementation
public func qamw_make_vectors(
    _ matrix: OpaquePointer?, _ x: UnsafePointer<Float>?, _ vectors: UInt64, _ prepared: UnsafeMutablePointer<OpaquePointer?>?,
    _ error: UnsafeMutablePointer<qamw_error>?
) -> Int32 {
    unsafe reporting(error) {
        try unsafe storeHandle(in: prepared, "prepared") {
            try unsafe VectorsHandle(object(matrix, "matrix", as: MatrixHandle.self).matrix.prepare(x, vectors))
        }
    }
}

@c(qamw_free_vectors) @implementation
public func qamw_free_vectors(_ prepared: OpaquePointer?) { unsafe release(prepared, as: VectorsHandle.self) }

@c(qamw_multiply) @implementation
public func qamw_multiply(
    _ matrix: OpaquePointer?, _ x: UnsafePointer<Float>?, _ vectors: UInt64, _ out: UnsafeMutablePointer<Float>?, _ room: UInt64,
    _ pool: OpaquePointer?, _ error: UnsafeMutablePointer<qamw_error>?
) -> Int32 {
    unsafe reporting(error) {
        let matrix = try unsafe object(matrix, "matrix", as: MatrixHandle.self).matrix
        // Checked before preparing the vectors, which takes time.
        try matrix.checkRoom(room, forProductsOf: vectors)
        try unsafe matrix.multiply(matrix.prepare(x, vectors), into: out, room: room, pool: pool)
    }
}

@c(qamw_multiply_prepared) @implementation
public func qamw_multiply_prepared(
    _ matrix: OpaquePointer?, _ prepared: OpaquePointer?, _ out: UnsafeMutablePointer<Float>?, _ room: UInt64,
    _ pool: OpaquePointer?, _ error: UnsafeMutablePointer<qamw_error>?
) -> Int32 {
    unsafe reporting(error) {
        let matrix = try unsafe object(matrix, "matrix", as: MatrixHandle.self).matrix
        let activations = try unsafe object(prepared, "prepared", as: VectorsHandle.self).activations
        try unsafe matrix.multiply(activations, into: out, room: room, pool: pool)
    }
}

extension QAMMatrix {
    /// Throws `limitExceeded` if the vectors do not fit in memory.
    @unsafe fileprivate func prepare(_ x: UnsafePointer<Float>?, _ vectors: UInt64) throws -> Activations {
        guard vectors > 0 else { return try prepare([]) }
        guard vectors <= UInt64(Int.max / MemoryLayout<Float>.size / columns) else {
            throw QAMError(.limitExceeded, "\(vectors) vectors do not fit in memory")
        }
        let numbers = unsafe UnsafeBufferPointer(start: try required(x, "x"), count: Int(vectors) * columns)
        return try unsafe prepare(Array(numbers))
    }

    fileprivate func checkRoom(_ room: UInt64, forProductsOf vectors: UInt64) throws {
        let (products, overflow) = vectors.multipliedReportingOverflow(by: UInt64(rows))
        guard !overflow, products <= room, products <= UInt64(Int.max / MemoryLayout<Float>.size) else {
            throw QAMError(
                .invalidArgument, "the products of \(rows) rows and \(vectors) vectors do not fit in \(room) elements", at: .init(tensor: tensor.name))
        }
    }

    @unsafe fileprivate func multiply(
        _ activations: Activations, into out: UnsafeMutablePointer<Float>?, room: UInt64, pool: OpaquePointer?
    ) throws {
        try checkRoom(room, forProductsOf: UInt64(activations.count))
        guard activations.count > 0 else { return }
        let pool = try unsafe pool.map { try unsafe object($0, "pool", as: WorkerPool.self) }
        var span = unsafe MutableSpan(_unsafeStart: try required(out, "out"), count: activations.count * rows)
        try multiply(activations, into: &span, pool: pool)
    }
}
