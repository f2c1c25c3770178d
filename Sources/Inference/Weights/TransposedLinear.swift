internal import QAMFormat

/// A transposed matrix in float32: maps gradients at outputs to gradients at inputs.
struct TransposedLinear {
    /// One vector per column of the matrix.
    private let columns: FloatMatrix
    /// Rows read before they are transposed; also the columns per piece of work.
    private static let rowsAtOnce = 256
    private static let columnsOfPiece = 32

    /// The memory of a transposed matrix.
    static func byteCount(_ matrix: any Linear) -> Int { MemoryLayout<Float>.stride * matrix.rows * matrix.columns }

    /// Reads the whole matrix. O(rows * columns). Throws errors from reading.
    init(_ matrix: any Linear, pool: WorkerPool) throws {
        if let stored = (matrix as? StoredTransposedLinear)?.stored {
            columns = try Self.rows(stored, pool: pool)
            return
        }
        columns = FloatMatrix(count: matrix.columns, width: matrix.rows)
        let block = FloatMatrix(count: min(Self.rowsAtOnce, matrix.rows), width: matrix.columns)
        for start in stride(from: 0, to: matrix.rows, by: Self.rowsAtOnce) {
            let count = min(Self.rowsAtOnce, matrix.rows - start)
            try Pieces.forEach(rows: count, rowBytes: MemoryLayout<Float>.stride * matrix.columns, pool: pool) { rows in
                for row in rows { try matrix.copyRow(start + row, to: block, row) }
            }
            pool.forEach(0..<matrix.columns, grain: Self.columnsOfPiece) { piece in
                columns.copyAcross(block, 0..<count, columns: piece, at: piece.lowerBound, offset: start)
            }
        }
    }

    /// All rows of a matrix: the columns of its transpose.
    private static func rows(_ matrix: any Linear, pool: WorkerPool) throws -> FloatMatrix {
        let all = FloatMatrix(count: matrix.rows, width: matrix.columns)
        try Pieces.forEach(rows: matrix.rows, rowBytes: MemoryLayout<Float>.stride * matrix.columns, pool: pool) { rows in
            for row in rows { try matrix.copyRow(row, to: all, row) }
        }
        return all
    }

    /// gT W for each gradient g: `columns` elements per vector of `rows`. O(vectors * rows * columns), on all threads of the pool.
    func multiply(_ gradients: FloatMatrix, pool: WorkerPool) -> FloatMatrix {
        let out = FloatMatrix(count: gradients.count, width: columns.count)
        multiply(gradients, 0..<gradients.count, into: out, at: 0, pool: pool)
        return out
    }

    /// The same for some of the vectors, into those of `out` from `first`.
    func multiply(_ gradients: FloatMatrix, _ vectors: Range<Int>, into out: FloatMatrix, at first: Int, pool: WorkerPool) {
        let grain = Pieces.grain(rows: columns.count, rowBytes: MemoryLayout<Float>.stride * columns.width, pool: pool)
        pool.forEach(0..<columns.count, grain: grain) { piece in
            for start in stride(from: 0, to: vectors.count, by: Pieces.vectors) {
                let count = min(Pieces.vectors, vectors.count - start)
                FloatKernels.multiply(
                    .init(matrix: columns, first: piece.lowerBound, count: piece.count, width: columns.width),
                    by: .init(matrix: gradients, first: vectors.lowerBound + start, count: count, width: columns.width),
                    into: .init(matrix: out, first: first + start, count: count, offset: piece.lowerBound, width: piece.count))
            }
        }
    }
}
