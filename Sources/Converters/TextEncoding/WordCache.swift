/// The tokens of words that have occurred: most words of a text are repeated. Emptied when it is full.
struct WordCache {
    /// A table of open addressing, a power of two, at most half full.
    private var slots: [Int32] = Array(repeating: -1, count: 256)
    private var words: [(bytes: Range<Int>, tokens: Range<Int>)] = []
    private var bytes: [UInt8] = []
    private var tokens: [UInt32] = []
    private let seed = UInt64.random(in: 0...UInt64.max) | 1

    private static let largestCount = 1 << 17
    /// Longer words are rarely repeated.
    static let longestWord = 64

    /// Appends the tokens of a word to a list. Returns false if it is not known. O(length).
    func append(_ text: [UInt8], _ range: Range<Int>, to list: inout [UInt32]) -> Bool {
        let slot = slot(text, range)
        guard slots[slot] >= 0 else { return false }
        for index in words[Int(slots[slot])].tokens { list.append(tokens[index]) }
        return true
    }

    mutating func insert(_ text: [UInt8], _ range: Range<Int>, _ new: ArraySlice<UInt32>) {
        if 2 * words.count == slots.count { makeRoom() }
        let slot = slot(text, range), (firstByte, firstToken) = (bytes.count, tokens.count)
        bytes += text[range]
        tokens += new
        slots[slot] = Int32(words.count)
        words.append((firstByte..<bytes.count, firstToken..<tokens.count))
    }

    private mutating func makeRoom() {
        if slots.count == Self.largestCount {
            words.removeAll(keepingCapacity: true)
            bytes.removeAll(keepingCapacity: true)
            tokens.removeAll(keepingCapacity: true)
        }
        slots = Array(repeating: -1, count: min(2 * slots.count, Self.largestCount))
        for (number, word) in words.enumerated() { slots[slot(bytes, word.bytes)] = Int32(number) }
    }

    /// The slot of a word, or the free one for it.
    private func slot(_ text: [UInt8], _ range: Range<Int>) -> Int {
        var hash = seed
        for index in range { hash = (hash ^ UInt64(text[index])) &* 0x100_0000_01B3 }
        hash = (hash ^ hash >> 32) &* seed
        var slot = Int(truncatingIfNeeded: hash >> 40) & (slots.count - 1)
        while slots[slot] >= 0, !isEqual(words[Int(slots[slot])].bytes, text, range) { slot = (slot + 1) & (slots.count - 1) }
        return slot
    }

    private func isEqual(_ known: Range<Int>, _ text: [UInt8], _ range: Range<Int>) -> Bool {
        guard known.count == range.count else { return false }
        for offset in 0..<range.count where bytes[known.lowerBound + offset] != text[range.lowerBound + offset] { return false }
        return true
    }
}
