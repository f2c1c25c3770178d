internal import QAMFormat

/// A matrix of any tensor source, such as a safetensors or GGUF file, read row by row at each product.
struct SourceLinear: Linear {
    private let source: any TensorSource
    private let index: Int
    private let dtype: DType
    let name: String
    let rows: Int
    let columns: Int
    private let rowBytes: Int

    /// Throws `unsupported` for coded tensors and tensors whose rows are not whole bytes.
    init(_ source: any TensorSource, _ index: Int) throws {
        var descriptor = source.tensors[index]
        name = descriptor.name
        (rows, columns) = (descriptor.rows, descriptor.columns)
        var target = index
        if case .alias(let other) = descriptor.storage { (target, descriptor) = (other, source.tensors[other]) }
        guard case .raw(let dtype) = descriptor.storage, let rowBytes = dtype.byteCount(elements: descriptor.columns),
            rowBytes * descriptor.rows == descriptor.byteCount
        else { throw QAMError(.unsupported, "the tensor cannot be read by rows", at: .init(tensor: name)) }
        self.source = source
        self.index = target
        self.dtype = dtype
        self.rowBytes = rowBytes
    }

    func multiply(_ input: LayerInput, into out: FloatMatrix, pool: WorkerPool) throws {
        try Pieces.forEach(rows: rows, rowBytes: max(rowBytes, 4 * columns), pool: pool) { piece in
            try withRows(piece) { bytes in
                if let storage = FloatKernels.Storage(dtype) {
                    return Pieces.multiply(bytes, storage, columns: columns, input, into: out, firstRow: piece.lowerBound)
                }
                var weights = [Float](repeating: 0, count: piece.count * columns)
                var span = weights.mutableSpan
                try ElementConversion.floats(bytes, as: dtype, into: &span)
                unsafe Pieces.multiply(weights.span.bytes, .float32, columns: columns, input, into: out, firstRow: piece.lowerBound)
            }
        }
    }

    func copyRow(_ row: Int, to out: FloatMatrix, _ t: Int) throws {
        try withRows(row..<row + 1) { bytes in
            try out.withMutableVectors(t..<t + 1) { try ElementConversion.floats(bytes, as: dtype, into: &$0) }
        }
    }

    private func withRows(_ rows: Range<Int>, _ body: (RawSpan) throws -> Void) throws {
        try source.withElements(rows.lowerBound * rowBytes..<rows.upperBound * rowBytes, of: index, body)
    }
}
