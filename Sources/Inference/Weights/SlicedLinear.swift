internal import QAMFormat

/// Some rows of a matrix, such as those of one expert in a stack of all: converted to float32 at each use.
struct SlicedLinear: Linear {
    private let base: any Linear
    private let first: Int
    let rows: Int

    /// - Parameter range: within the rows of `base`.
    init(_ base: any Linear, rows range: Range<Int>) {
        self.base = base
        first = range.lowerBound
        rows = range.count
    }

    var name: String { base.name }
    var columns: Int { base.columns }

    func multiply(_ input: LayerInput, into out: FloatMatrix, pool: WorkerPool) throws {
        try Pieces.forEach(rows: rows, rowBytes: MemoryLayout<Float>.stride * columns, pool: pool) { piece in
            let block = FloatMatrix(count: piece.count, width: columns)
            for (index, row) in piece.enumerated() { try copyRow(row, to: block, index) }
            for start in stride(from: 0, to: input.count, by: Pieces.vectors) {
                let count = min(Pieces.vectors, input.count - start)
                FloatKernels.multiply(
                    .init(matrix: block, count: piece.count, width: columns),
                    by: .init(matrix: input.vectors, first: start, count: count, width: columns),
                    into: .init(matrix: out, first: start, count: count, offset: piece.lowerBound, width: piece.count))
            }
        }
    }

    func copyRow(_ row: Int, to out: FloatMatrix, _ t: Int) throws { try base.copyRow(first + row, to: out, t) }
}

/// A matrix that is stored transposed, read whole at each use.
struct StoredTransposedLinear: Linear {
    /// As it is stored: a row for each input.
    let stored: any Linear

    var name: String { stored.name }
    var rows: Int { stored.columns }
    var columns: Int { stored.rows }

    func multiply(_ input: LayerInput, into out: FloatMatrix, pool: WorkerPool) throws {
        try TransposedLinear(stored, pool: pool).multiply(input.vectors, 0..<input.count, into: out, at: 0, pool: pool)
    }

    /// Reads the whole matrix.
    func copyRow(_ row: Int, to out: FloatMatrix, _ t: Int) throws {
        let line = FloatMatrix(count: 1, width: stored.columns)
        for column in 0..<columns {
            try stored.copyRow(column, to: line, 0)
            out[t, column] = line[0, row]
        }
    }
}
