/// The order of the rows that a rotary embedding pairs within each head.
///
/// Hugging Face pairs row `i` of a head with row `i + d/2` (halves); ggml's "normal" rotary embedding pairs neighbours `2i` and `2i + 1`
/// (interleaved). The rows are the same in a different order.
package struct HeadPermutation: Hashable, Sendable {
    package enum Direction: Hashable, Sendable { case toInterleaved, toHalves }

    /// Heads of equal size, one after the other.
    package var heads: Int
    package var direction: Direction

    package init(heads: Int, _ direction: Direction) {
        self.heads = heads
        self.direction = direction
    }

    /// The rows per head; nil unless `rows` divides into `heads` heads with an even number of rows.
    package func headRows(of rows: Int) -> Int? {
        guard heads > 0, rows % heads == 0, rows / heads % 2 == 0 else { return nil }
        return rows / heads
    }

    /// The permutation: row i of the result is row `order[i]` of the input. Nil unless `rows` divides into `heads` heads with an even
    /// number of rows. O(rows).
    package func order(rows: Int) -> [Int]? {
        guard let size = headRows(of: rows) else { return nil }
        return (0..<rows).map { row in
            let local = row % size
            return switch direction {
            case .toInterleaved: row - local + local / 2 + local % 2 * (size / 2)
            case .toHalves: row - local + (local < size / 2 ? 2 * local : 2 * local - size + 1)
            }
        }
    }
}
