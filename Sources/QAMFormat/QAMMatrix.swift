internal import Synchronization

/// A coded tensor as a matrix that multiplies vectors, from where its symbols lie in the file.
///
///     let matrix = try QAMMatrix(reader.tensor(named: "blk.0.ffn_up.weight"))
///     let x = try matrix.prepare(activation)              // once for all matrices that read it
///     try matrix.multiply(x, into: &output, pool: pool)
///
/// All dimensions but the last count as rows. The result is within about 0.7% (of the norm) of the exact product of
/// the decoded weights where rows are rotated, since vectors are rounded to bytes (`Activations`); it has the same bits on every
/// instruction set and any number of threads. May be used from many threads at a time. Holds its reader, and so the file.
public struct QAMMatrix: Sendable {
    public let tensor: TensorView
    private let product: any MatrixProduct
    /// Of each row, the gain times the worth of a codeword.
    private let factors: [Float]

    /// About this many stored bytes are a piece of work.
    private static let pieceBytes = 1 << 18

    /// Reads the gains and the channel scales: O(rows + columns).
    ///
    /// - Throws: `QAMError.invalidArgument` for a raw tensor, `unsupported` for an unknown codec, and what reading throws.
    public init(_ tensor: TensorView) throws {
        self.tensor = tensor
        guard case .coded = tensor.descriptor.storage else {
            throw tensor.error(.invalidArgument, "the tensor is not coded: only coded tensors multiply vectors from their symbols")
        }
        let product = try CodecRegistry.product(for: tensor.index, of: tensor.reader)
        self.product = product
        factors = try tensor.withGains { gains in
            try product.layout.gains(in: gains, rows: tensor.rows).map { $0 * product.unit }
        }
    }

    public var rows: Int { tensor.rows }
    public var columns: Int { tensor.columns }

    /// Matrices with equal keys take the same activations.
    public var activationKey: Activations.Key { product.key }

    /// Makes vectors ready, which lie one after the other. O(columns * log2(block size)) each.
    ///
    /// - Throws: `QAMError.invalidArgument` unless `vectors` holds a whole number of vectors of `columns`.
    public func prepare(_ vectors: [Float]) throws -> Activations {
        guard vectors.count % columns == 0 else {
            throw tensor.error(.invalidArgument, "\(vectors.count) numbers are no whole number of vectors of \(columns)")
        }
        return product.prepare(vectors)
    }

    /// The products of all rows and all vectors: `out[t * rows + i]` is that of row i and vector t. Each weight is
    /// unpacked once for several vectors. O(rows * columns * vectors), on all threads of the pool.
    ///
    /// - Throws: `QAMError.invalidArgument` for activations of another key or an output of another length, and what reading
    ///   throws (a verifying reader also `checksumMismatch`); what `out` holds is then undefined.
    public func multiply(_ activations: Activations, into out: inout MutableSpan<Float>, pool: WorkerPool? = nil) throws {
        guard activations.key == activationKey else {
            throw tensor.error(.invalidArgument, "the activations were prepared for a matrix that is coded otherwise")
        }
        guard out.count == activations.count * rows else {
            throw tensor.error(.invalidArgument, "\(activations.count) products of \(rows) rows do not fill \(out.count)")
        }
        let rowBytes = product.layout.symbolBytes
        let grain = max(1, Self.pieceBytes / max(1, rowBytes))
        let failure = Mutex<(any Error)?>(nil)
        unsafe out.withUnsafeMutableBufferPointer { out in
            // Every piece writes rows of its own.
            nonisolated(unsafe) let start = out.baseAddress
            let work: (Range<Int>) -> Void = { piece in
                do {
                    try tensor.withSymbols(rows: piece) { symbols in
                        guard let start = unsafe start else { return }
                        unsafe product.multiply(
                            activations, symbols: symbols, factors: factors.span.extracting(piece), into: start + piece.lowerBound,
                            rowsApart: rows)
                    }
                } catch {
                    failure.withLock { $0 = error }
                }
            }
            if let pool { pool.forEach(0..<rows, grain: grain, work) } else { work(0..<rows) }
        }
        if let error = failure.withLock({ $0 }) { throw error }
    }
}
