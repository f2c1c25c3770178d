/// Joins the tokens of a word: always the pair of the lowest rank, of several the leftmost. One for each thread.
struct PairMerger {
    /// The tokens of the word; joined in place by `merge`.
    var tokens: [UInt32] = []
    /// Of each token, the entry of the pair with its successor.
    private var entries: [UInt64] = []
    private var next: [Int32] = [], previous: [Int32] = []
    /// A binary heap of ranks above places.
    private var heap: [UInt64] = []

    /// Up to so many tokens, looking through all pairs is faster than a queue.
    private static let shortLength = 40

    /// O(n log n) for words of n tokens. A word has less than 2^31.
    mutating func merge(_ ranks: PairRanks) {
        if tokens.count < 2 { return }
        if tokens.count <= Self.shortLength { mergeShort(ranks) } else { mergeLong(ranks) }
    }

    private mutating func mergeShort(_ ranks: PairRanks) {
        var count = tokens.count
        entries.removeAll(keepingCapacity: true)
        for index in 0..<count - 1 { entries.append(ranks.entry(tokens[index], tokens[index + 1])) }
        while count > 1 {
            var best = 0
            for index in 1..<max(1, count - 1) where entries[index] >> 32 < entries[best] >> 32 { best = index }
            guard entries[best] != PairRanks.none else { break }
            tokens[best] = UInt32(truncatingIfNeeded: entries[best])
            count -= 1
            for index in best + 1..<max(best + 1, count) { tokens[index] = tokens[index + 1] }
            for index in best + 1..<max(best + 1, count - 1) { entries[index] = entries[index + 1] }
            if best + 1 < count { entries[best] = ranks.entry(tokens[best], tokens[best + 1]) }
            if best > 0 { entries[best - 1] = ranks.entry(tokens[best - 1], tokens[best]) }
        }
        tokens.removeLast(tokens.count - count)
    }

    private mutating func mergeLong(_ ranks: PairRanks) {
        let count = tokens.count
        next = (1...Int32(count)).map { $0 }
        previous = (-1..<Int32(count - 1)).map { $0 }
        entries = Array(repeating: PairRanks.none, count: count)
        heap.removeAll(keepingCapacity: true)
        for place in 0..<count - 1 { enter(ranks, place) }
        while let top = pop() {
            let place = Int(top & 0xFFFF_FFFF)
            // What has changed since is out of date.
            guard entries[place] >> 32 == top >> 32, entries[place] != PairRanks.none else { continue }
            tokens[place] = UInt32(truncatingIfNeeded: entries[place])
            let gone = Int(next[place]), after = Int(next[gone])
            entries[gone] = PairRanks.none
            next[gone] = -1
            next[place] = Int32(after)
            entries[place] = PairRanks.none
            if after < count {
                previous[after] = Int32(place)
                enter(ranks, place)
            }
            if previous[place] >= 0 { enter(ranks, Int(previous[place])) }
        }
        var kept = 0, place = 0
        while place < count {
            tokens[kept] = tokens[place]
            kept += 1
            place = Int(next[place])
        }
        tokens.removeLast(count - kept)
    }

    /// Enters the pair that begins at a place.
    private mutating func enter(_ ranks: PairRanks, _ place: Int) {
        let entry = ranks.entry(tokens[place], tokens[Int(next[place])])
        entries[place] = entry
        guard entry != PairRanks.none else { return }
        var child = heap.count
        let item = (entry & ~0xFFFF_FFFF) | UInt64(place)
        heap.append(item)
        while child > 0 {
            let parent = (child - 1) / 2
            guard heap[parent] > item else { break }
            heap[child] = heap[parent]
            child = parent
        }
        heap[child] = item
    }

    private mutating func pop() -> UInt64? {
        guard let top = heap.first, let item = heap.popLast() else { return nil }
        let count = heap.count
        guard count > 0 else { return top }
        var parent = 0
        while true {
            var child = 2 * parent + 1
            guard child < count else { break }
            if child + 1 < count, heap[child + 1] < heap[child] { child += 1 }
            guard heap[child] < item else { break }
            heap[parent] = heap[child]
            parent = child
        }
        heap[parent] = item
        return top
    }
}
