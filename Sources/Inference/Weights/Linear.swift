internal import QAMFormat
internal import Synchronization

/// A weight matrix, in any storage.
protocol Linear: Sendable {
    var name: String { get }
    var rows: Int { get }
    var columns: Int { get }

    /// The products of all rows and all vectors of the input: `out[t, i]`; the width of `out` is the number of rows.
    func multiply(_ input: LayerInput, into out: FloatMatrix, pool: WorkerPool) throws

    /// Decodes one row into vector `t`.
    func copyRow(_ row: Int, to out: FloatMatrix, _ t: Int) throws
}

/// Input vectors of one or more matrices, with cached conversions.
final class LayerInput {
    let vectors: FloatMatrix
    /// Few elements with long keys: searched linearly.
    private var prepared: [Activations] = []

    init(_ vectors: FloatMatrix) { self.vectors = vectors }

    var count: Int { vectors.count }

    /// The vectors as int8, prepared for `matrix`.
    func activations(for matrix: QAMMatrix) throws -> Activations {
        if let known = prepared.first(where: { $0.key == matrix.activationKey }) { return known }
        let made = try matrix.prepare(vectors.array(0..<count))
        prepared.append(made)
        return made
    }
}

/// Splits rows into pieces of work that are converted to float piece by piece.
enum Pieces {
    /// Bytes of rows per piece: they stay in a core's cache for all vectors.
    private static let byteCount = 1 << 17
    /// Vectors per pass, which also stay in the cache.
    static let vectors = 64

    /// Rows per piece of work.
    static func grain(rows: Int, rowBytes: Int, pool: WorkerPool) -> Int {
        min(max(1, rows / (4 * pool.width)), max(1, byteCount / max(1, rowBytes)))
    }

    /// Calls `body` for pieces of rows, on all threads of the pool, and rethrows its errors.
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
