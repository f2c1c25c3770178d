/// Numbers the pieces of many items consecutively. The item of a piece is computed on demand: a list of all pieces would grow with
/// untrusted sizes.
package struct PieceNumbering: Sendable {
    /// The number of each item's first piece, and the total count at the end.
    private var starts = [0]

    package init() {}

    /// Adds an item with `pieces` pieces, at least one.
    package mutating func append(pieces: Int) { starts.append(count + max(1, pieces)) }

    /// The total number of pieces.
    package var count: Int { starts[starts.count - 1] }

    /// The item of a piece, and the piece's index within it. O(log items).
    package subscript(number: Int) -> (item: Int, piece: Int, isLast: Bool) {
        // The last start that is not above the number.
        var low = 0
        var high = starts.count - 1
        while high - low > 1 {
            let middle = (low + high) / 2
            if starts[middle] <= number { low = middle } else { high = middle }
        }
        return (low, number - starts[low], number + 1 == starts[low + 1])
    }
}
