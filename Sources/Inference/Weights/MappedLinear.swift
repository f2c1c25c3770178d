internal import QAMFormat

/// A coded matrix multiplied directly from its mapped symbols, with int8 activations.
struct CodedLinear: Linear {
    let name: String
    let matrix: QAMMatrix

    var rows: Int { matrix.rows }
    var columns: Int { matrix.columns }

    func multiply(_ input: LayerInput, into out: FloatMatrix, pool: WorkerPool) throws {
        let activations = try input.activations(for: matrix)
        try out.withMutableVectors(0..<input.count) { try matrix.multiply(activations, into: &$0, pool: pool) }
    }

    func copyRow(_ row: Int, to out: FloatMatrix, _ t: Int) throws {
        try out.withMutableVectors(t..<t + 1) { try matrix.tensor.dequantize(rows: row..<row + 1, into: &$0) }
    }
}

/// A mapped matrix whose rows are converted to float32: coded ones for reference, with float32 activations, and raw ones of any type. F32,
/// F16 and BF16 are read in place.
struct FloatLinear: Linear {
    let name: String
    let tensor: TensorView

    var rows: Int { tensor.rows }
    var columns: Int { tensor.columns }

    func multiply(_ input: LayerInput, into out: FloatMatrix, pool: WorkerPool) throws {
        let columns = columns
        if case .raw(let dtype) = tensor.descriptor.storage, let storage = FloatKernels.Storage(dtype) {
            return try Pieces.forEach(rows: rows, rowBytes: columns * storage.byteCount, pool: pool) { piece in
                try tensor.withElements(rows: piece) {
                    Pieces.multiply($0, storage, columns: columns, input, into: out, firstRow: piece.lowerBound)
                }
            }
        }
        try Pieces.forEach(rows: rows, rowBytes: 4 * columns, pool: pool) { piece in
            let weights = try tensor.floats(rows: piece)
            unsafe Pieces.multiply(weights.span.bytes, .float32, columns: columns, input, into: out, firstRow: piece.lowerBound)
        }
    }

    func copyRow(_ row: Int, to out: FloatMatrix, _ t: Int) throws {
        try out.withMutableVectors(t..<t + 1) { try tensor.dequantize(rows: row..<row + 1, into: &$0) }
    }
}
