/// Numbers the pieces of many items through, in order. Which item a piece belongs to is computed when somebody asks: a list of
/// all pieces would grow with what a file claims.
package struct PieceNumbering: Sendable {
    /// The number of each item's first piece, and of all pieces at the end.
    private var starts = [0]

    package init() {}

    /// Adds an item of so many pieces, one at least.
    package mutating func append(pieces: Int) { starts.append(count + max(1, pieces)) }

    /// The number of all pieces.
    package var count: Int { starts[starts.count - 1] }

    /// The item that a piece belongs to, and its number among that item's pieces. O(log items).
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
