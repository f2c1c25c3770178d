/// The merges of BPE: for each pair of neighbouring tokens its rank and the token that it becomes. A table of open addressing, seeded for each use.
struct PairRanks: Sendable {
    private var keys: [UInt64]
    private var values: [UInt64]
    private let factor = UInt64.random(in: 0...UInt64.max) | 1
    private let shift: UInt64

    /// A pair's entry: rank above token. `none` is above every entry.
    static let none = UInt64.max

    init(capacity: Int) {
        let bits = max(4, Int.bitWidth - (2 * capacity).leadingZeroBitCount)
        keys = Array(repeating: 0, count: 1 << bits)
        values = Array(repeating: Self.none, count: 1 << bits)
        shift = UInt64(64 - bits)
    }

    /// A later merge of the same pair takes the place of the earlier.
    mutating func insert(_ left: UInt32, _ right: UInt32, rank: Int, token: UInt32) {
        let slot = slot(Self.key(left, right))
        keys[slot] = Self.key(left, right)
        values[slot] = UInt64(rank) << 32 | UInt64(token)
    }

    /// The entry of a pair, or `none`. O(1).
    @inline(__always)
    func entry(_ left: UInt32, _ right: UInt32) -> UInt64 { values[slot(Self.key(left, right))] }

    /// Token numbers are below 2^31, so no key is 0.
    @inline(__always)
    private static func key(_ left: UInt32, _ right: UInt32) -> UInt64 { UInt64(left + 1) << 32 | UInt64(right) }

    @inline(__always)
    private func slot(_ key: UInt64) -> Int {
        let mask = keys.count - 1
        var slot = Int(truncatingIfNeeded: (key &* factor) >> shift)
        while keys[slot] != 0, keys[slot] != key { slot = (slot + 1) & mask }
        return slot
    }
}
