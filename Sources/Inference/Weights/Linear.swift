internal import QAMFormat
internal import Synchronization

/// A matrix of weights that vectors are multiplied by, wherever and however its rows lie.
protocol Linear: Sendable {
    var name: String { get }
    var rows: Int { get }
    var columns: Int { get }

    /// The products of all rows and all vectors of the input: `out[t, i]`; `out` is as wide as there are rows.
    func multiply(_ input: LayerInput, into out: FloatMatrix, pool: WorkerPool) throws

    /// The weights of one row, into vector `t`.
    func copyRow(_ row: Int, to out: FloatMatrix, _ t: Int) throws
}

/// Vectors that one or more matrices read. What they make of them is made once.
final class LayerInput {
    let vectors: FloatMatrix
    /// Few, and their keys are long: looked through in order.
    private var prepared: [Activations] = []

    init(_ vectors: FloatMatrix) { self.vectors = vectors }

    var count: Int { vectors.count }

    /// The vectors as int8, ready for `matrix`.
    func activations(for matrix: QAMMatrix) throws -> Activations {
        if let known = prepared.first(where: { $0.key == matrix.activationKey }) { return known }
        let made = try matrix.prepare(vectors.array(0..<count))
        prepared.append(made)
        return made
    }
}

/// Rows that become ready for the kernels of floats piece by piece.
enum Pieces {
    /// Rows of about this many bytes are a piece of work: they stay in a core's cache while all vectors pass.
    private static let byteCount = 1 << 17
    /// So many vectors pass at a time, and stay in the cache too.
    static let vectors = 64

    /// Rows that are a piece of work.
    static func grain(rows: Int, rowBytes: Int, pool: WorkerPool) -> Int {
        min(max(1, rows / (4 * pool.width)), max(1, byteCount / max(1, rowBytes)))
    }

    /// Calls `body` for pieces of rows, on all threads of the pool, and throws what it throws.
    static func forEach(rows: Int, rowBytes: Int, pool: WorkerPool, _ body: (Range<Int>) throws -> Void) throws {
        let failure = Mutex<(any Error)?>(nil)
        pool.forEach(0..<rows, grain: grain(rows: rows, rowBytes: rowBytes, pool: pool)) { piece in
            do { try body(piece) } catch { failure.withLock { $0 = error } }
        }
        if let error = failure.withLock({ $0 }) { throw error }
    }

    /// The products of stored rows and all vectors of an input.
    static func multiply(
        _ rows: RawSpan, _ storage: FloatKernels.Storage, columns: Int, _ input: LayerInput, into out: FloatMatrix, firstRow: Int
    ) {
        for start in stride(from: 0, to: input.count, by: vectors) {
            FloatKernels.multiply(
                rows, storage, columns: columns, by: input.vectors, vectors: start..<min(start + vectors, input.count), into: out,
                firstRow: firstRow)
        }
    }
}
