/// Runs `produce(i)` for every i of `range` on up to `width` tasks and passes the results to `consume` in index order.
///
/// At most `2 * width` results exist at a time, so memory is bounded by the width, not the count. The first error of either closure ends
/// the work.
package func orderedMap<Result: Sendable>(
    _ range: Range<Int>, width: Int,
    produce: @escaping @Sendable (Int) throws -> Result,
    consume: (Int, Result) throws -> Void
) async throws {
    if width <= 1 {
        for index in range { try consume(index, try produce(index)) }
        return
    }
    try await withThrowingTaskGroup(of: (Int, Result).self) { group in
        var started = range.lowerBound
        var consumed = range.lowerBound
        var waiting: [Int: Result] = [:]

        func startMore() {
            while started < range.upperBound, started - consumed < 2 * width, started - consumed - waiting.count < width {
                let index = started
                started += 1
                group.addTask { (index, try produce(index)) }
            }
        }

        startMore()
        while let (index, result) = try await group.next() {
            waiting[index] = result
            // Start more tasks before the results are consumed, so that consuming overlaps with producing.
            startMore()
            while let next = waiting.removeValue(forKey: consumed) {
                try consume(consumed, next)
                consumed += 1
            }
            startMore()
        }
    }
}
