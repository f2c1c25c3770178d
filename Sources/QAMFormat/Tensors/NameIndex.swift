/// Finds the tensors of a list by the hashes of their names; what is at a position has the name or not, the caller says.
///
/// A table of positions, probed one after the other: a quarter of a dictionary's memory, and no copies of the names. The
/// hash is seeded anew in every process, so that no file can choose names that collide.
package struct NameIndex: Sendable {
    /// Positions in the list, plus one; 0 where there is none. A power of two of them, or none.
    private var slots: [UInt32] = []

    package init() {}

    /// Room for so many names: `insert` takes no more.
    package init(capacity: Int) {
        guard capacity > 0 else { return }
        slots = Array(repeating: 0, count: 2 << (Int.bitWidth - (capacity - 1).leadingZeroBitCount))
    }

    package static func hash(_ name: Span<UInt8>) -> Int {
        var hasher = Hasher()
        unsafe name.withUnsafeBytes { unsafe hasher.combine(bytes: $0) }
        return hasher.finalize()
    }

    /// Enters a position. False, and nothing is entered, where an earlier one has its name.
    package mutating func insert(_ position: Int, hash: Int, isSame: (Int) -> Bool) -> Bool {
        let slot = slot(hash, isSame)
        guard slots[slot] == 0 else { return false }
        slots[slot] = UInt32(position + 1)
        return true
    }

    /// The position of a name. O(1).
    package func position(hash: Int, isSame: (Int) -> Bool) -> Int? {
        guard !slots.isEmpty else { return nil }
        let entry = slots[slot(hash, isSame)]
        return entry == 0 ? nil : Int(entry) - 1
    }

    /// Where the name is, or would be: some slots are always empty.
    private func slot(_ hash: Int, _ isSame: (Int) -> Bool) -> Int {
        let mask = slots.count - 1
        var slot = hash & mask
        while slots[slot] != 0, !isSame(Int(slots[slot]) - 1) { slot = (slot + 1) & mask }
        return slot
    }
}
