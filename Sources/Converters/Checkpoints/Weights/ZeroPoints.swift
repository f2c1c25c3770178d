import QAMFormat

/// The zero points of a weight, over the same blocks as its scales: numbers, or integers packed along the rows.
struct ZeroPoints: Hashable, Sendable {
    let grid: ScaleGrid
    let tensor: StoredTensor
    /// The packed integers; nil if zero points are stored as numbers.
    private let packing: Packing?

    private struct Packing: Hashable, Sendable {
        var bits: Int
        /// Subtracted from each integer.
        var offset: Int
        /// Rows of words of each matrix.
        var wordRows: Int
    }

    /// Zero points stored as numbers, in the grid's tensor.
    init(_ grid: ScaleGrid) {
        self.grid = grid
        tensor = grid.tensor
        packing = nil
    }

    /// Zero points of I32 words, each column without gaps from the lowest bit on, `offset` above the value, over the blocks of `grid`.
    ///
    /// - Throws: `malformed` if type or shape do not fit.
    init(_ grid: ScaleGrid, packedIn tensor: StoredTensor, bits: Int, offset: Int, of weight: String) throws {
        try tensor.require([.i32])
        let wordRows = (grid.gridRows * bits + 31) / 32
        try tensor.require(shape: grid.tensor.shape.dropLast(2) + [wordRows, grid.gridColumns], of: weight)
        self.grid = grid
        self.tensor = tensor
        packing = Packing(bits: bits, offset: offset, wordRows: wordRows)
    }

    /// The zero points of rows of weights, in rows of `grid.gridColumns`.
    func values(_ rows: Range<Int>, of source: any TensorSource) throws -> [Float] {
        guard let packing else { return try grid.stored(rows, of: source) }
        let gridRows = grid.gridRows(rows), columns = grid.gridColumns
        func place(_ row: Int) -> (word: Int, bit: Int) {
            let bit = row % grid.gridRows * packing.bits
            return (row / grid.gridRows * packing.wordRows + bit / 32, bit % 32)
        }
        let first = place(gridRows.lowerBound).word
        let end = min(place(gridRows.upperBound - 1).word + 2, tensor.rows)
        let mask = UInt64(1) << UInt64(packing.bits) - 1
        return try tensor.withBytes(first * columns * 4..<end * columns * 4, of: source) { bytes in
            func word(_ row: Int, _ column: Int) -> UInt64 {
                guard row < end else { return 0 }
                return UInt64(UInt32(littleEndian: unsafe bytes.unsafeLoadUnaligned(fromByteOffset: ((row - first) * columns + column) * 4, as: UInt32.self)))
            }
            var values: [Float] = []
            values.reserveCapacity(gridRows.count * columns)
            for row in gridRows {
                let (start, bit) = place(row)
                for column in 0..<columns {
                    let pair = word(start, column) | word(start + 1, column) << 32
                    values.append(Float(Int(pair >> UInt64(bit) & mask) - packing.offset))
                }
            }
            return values
        }
    }
}
