internal import Synchronization

/// A coded tensor as a matrix that is multiplied by vectors directly from the symbols in the file.
///
///     let matrix = try QAMMatrix(reader.tensor(named: "blk.0.ffn_up.weight"))
///     let x = try matrix.prepare(activation)              // once for all matrices that read it
///     try matrix.multiply(x, into: &output, pool: pool)
///
/// All dimensions except the last count as rows. If rows are rotated, the result is within about 0.7% (of the norm) of the exact product of the decoded
/// weights, since vectors are rounded to bytes (`Activations`). It is bit-identical on every instruction set and for any number of threads. Thread-safe.
/// Retains its reader, and so the file.
public struct QAMMatrix: Sendable {
    /// The coded tensor.
    public let tensor: TensorView
    private let product: any MatrixProduct
    /// Each row's gain times the unit of codewords.
    private let factors: [Float]

    /// The approximate number of stored bytes in a work item.
    private static let pieceBytes = 1 << 18

    /// Reads the gains and the channel scales: O(rows + columns).
    ///
    /// - Throws: `QAMError.invalidArgument` for a raw tensor, `unsupported` for an unknown codec, and errors from reading.
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

    /// The number of outputs.
    public var rows: Int { tensor.rows }
    /// The number of inputs.
    public var columns: Int { tensor.columns }

    /// Matrices with equal keys share activations.
    public var activationKey: Activations.Key { product.key }

    /// Prepares consecutive vectors. O(columns * log2(block size)) each.
    ///
    /// - Throws: `QAMError.invalidArgument` unless `vectors` is a whole number of vectors of `columns`.
    public func prepare(_ vectors: [Float]) throws -> Activations {
        guard vectors.count % columns == 0 else {
            throw tensor.error(.invalidArgument, "\(vectors.count) numbers are not a whole number of vectors of \(columns)")
        }
        return product.prepare(vectors)
    }

    /// The products of all rows and all vectors: `out[t * rows + i]` is the product of row i and vector t. Each weight is unpacked once for several vectors.
    /// O(rows * columns * vectors), on all threads of the pool.
    ///
    /// - Throws: `QAMError.invalidArgument` for activations with another key or an output of the wrong length, and errors from reading (with a verifying reader
    ///   also `checksumMismatch`); the contents of `out` are then undefined.
    public func multiply(_ activations: Activations, into out: inout MutableSpan<Float>, pool: WorkerPool? = nil) throws {
        guard activations.key == activationKey else {
            throw tensor.error(.invalidArgument, "the activations were prepared for a matrix that is coded otherwise")
        }
        guard out.count == activations.count * rows else {
            throw tensor.error(.invalidArgument, "\(activations.count) products of \(rows) rows do not fill \(out.count)")
        }
        let grain = product.layout.grain(bytes: Self.pieceBytes)
        let failure = Mutex<(any Error)?>(nil)
        unsafe out.withUnsafeMutableBufferPointer { out in
            // Work items write disjoint rows.
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
