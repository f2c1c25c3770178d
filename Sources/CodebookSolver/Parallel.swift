/// Evaluates `body` for 0 ..< count on all cores and returns the results in index order, so that sums over them do not depend on the number
/// of threads.
func parallelMap<Result: Sendable>(
    _ count: Int, _ body: @escaping @Sendable (Int) -> Result
) async -> [Result] {
    await withTaskGroup(of: (Int, Result).self) { group in
        for index in 0..<count {
            group.addTask { (index, body(index)) }
        }
        var results = [Result?](repeating: nil, count: count)
        for await (index, result) in group {
            results[index] = result
        }
        return results.compactMap(\.self)
    }
}
