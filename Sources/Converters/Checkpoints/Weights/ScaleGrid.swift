import QAMFormat

/// Which scale belongs to which weight: a tensor of scales over blocks of rows and columns.
struct ScaleGrid: Hashable, Sendable {
    let tensor: StoredTensor
    /// Rows that share a row of scales, within a matrix.
    let blockRows: Int
    /// Columns that share a scale.
    let blockColumns: Int
    /// Rows of each matrix: blocks begin anew with it.
    let matrixRows: Int
    /// Rows of scales of each matrix.
    let gridRows: Int
    /// Scales of a row.
    let gridColumns: Int

    /// One scale for everything, or a scale for each matrix of a stack.
    ///
    /// - Parameter shape: the weight's shape.
    static func single(_ tensor: StoredTensor, shape: [Int]) -> ScaleGrid? {
        let rows = shape.dropLast().reduce(1, &*), columns = max(1, shape.last ?? 1)
        if tensor.elementCount == 1 {
            return ScaleGrid(tensor: tensor, blockRows: max(1, rows), blockColumns: columns, matrixRows: max(1, rows), gridRows: 1, gridColumns: 1)
        }
        guard shape.count > 2, tensor.elementCount == shape.dropLast(2).reduce(1, &*) else { return nil }
        let lead = Array(shape.dropLast(2))
        guard tensor.shape == lead || tensor.shape == lead + [1, 1] else { return nil }
        let matrixRows = max(1, shape[shape.count - 2])
        return ScaleGrid(tensor: tensor, blockRows: matrixRows, blockColumns: columns, matrixRows: matrixRows, gridRows: 1, gridColumns: 1)
    }

    /// A scale for each row.
    static func rows(_ tensor: StoredTensor, shape: [Int]) -> ScaleGrid? {
        guard shape.count > 1, tensor.shape == Array(shape.dropLast()) || tensor.shape == shape.dropLast() + [1] else { return nil }
        return blocks(tensor, shape: shape, scales: shape.dropLast() + [1], 1, max(1, shape[shape.count - 1]))
    }

    /// A scale for each block of `rows` by `columns`, the last of which may be partial. Other dimensions stack matrices.
    static func blocks(_ tensor: StoredTensor, shape: [Int], rows: Int, columns: Int) -> ScaleGrid? {
        guard shape.count > 1, rows > 0, columns > 0 else { return nil }
        let last = shape.count - 1
        let expected = shape.dropLast(2) + [(shape[last - 1] - 1) / rows + 1, (shape[last] - 1) / columns + 1]
        guard tensor.shape == Array(expected), shape[last - 1] > 0, shape[last] > 0 else { return nil }
        return blocks(tensor, shape: shape, scales: Array(expected), rows, columns)
    }

    /// Blocks whose size follows from the shapes, if they are all whole.
    static func even(_ tensor: StoredTensor, shape: [Int]) -> ScaleGrid? {
        guard shape.count > 1, tensor.shape.count == shape.count else { return nil }
        let last = shape.count - 1
        let (rows, columns) = (tensor.shape[last - 1], tensor.shape[last])
        guard rows > 0, columns > 0, shape[last - 1] > 0, shape[last] > 0, shape[last - 1] % rows == 0, shape[last] % columns == 0 else { return nil }
        return blocks(tensor, shape: shape, rows: shape[last - 1] / rows, columns: shape[last] / columns)
    }

    private static func blocks(_ tensor: StoredTensor, shape: [Int], scales: [Int], _ rows: Int, _ columns: Int) -> ScaleGrid {
        ScaleGrid(
            tensor: tensor, blockRows: rows, blockColumns: columns, matrixRows: max(1, shape[shape.count - 2]), gridRows: scales[scales.count - 2],
            gridColumns: scales[scales.count - 1])
    }

    /// The same blocks for other numbers, in a tensor of the same shape or in one whose shape the caller has checked.
    func with(_ tensor: StoredTensor) -> ScaleGrid {
        ScaleGrid(
            tensor: tensor, blockRows: blockRows, blockColumns: blockColumns, matrixRows: matrixRows, gridRows: gridRows, gridColumns: gridColumns)
    }

    /// The row of scales of a row of weights.
    func gridRow(_ row: Int) -> Int { row / matrixRows * gridRows + row % matrixRows / blockRows }

    /// The rows of scales that rows of weights use. `rows` is not empty.
    func gridRows(_ rows: Range<Int>) -> Range<Int> { gridRow(rows.lowerBound)..<gridRow(rows.upperBound - 1) + 1 }

    /// The scales of `gridRows(rows)` as stored, in rows of `gridColumns`. Bytes (U8) are exponents with a bias of 127, as in MX types.
    func stored(_ rows: Range<Int>, of source: any TensorSource) throws -> [Float] {
        let grid = gridRows(rows), numbers = tensor.dtype == .u8 ? tensor.cast(to: .f8e8m0) : tensor
        return try numbers.floats(grid.lowerBound * gridColumns..<grid.upperBound * gridColumns, of: source)
    }

    /// Calls `body` with each run of weights that share an element of the grid: their range in `rows` x `columns`, and the element's index
    /// in `stored(rows)`.
    @inline(__always)
    func forEachRun(_ rows: Range<Int>, columns: Int, _ body: (_ weights: Range<Int>, _ scale: Int) -> Void) {
        let first = gridRow(rows.lowerBound)
        for (place, row) in rows.enumerated() {
            let scales = (gridRow(row) - first) * gridColumns
            var start = 0
            for scale in scales..<scales + gridColumns {
                let end = min(start + blockColumns, columns)
                body(place * columns + start..<place * columns + end, scale)
                start = end
            }
        }
    }

    /// The types that scales may have.
    static let types: Set<DType> = [.f32, .f16, .bf16, .f8e8m0, .u8]
}
