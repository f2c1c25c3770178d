/// Finds tensors by the hashes of their names; the caller compares the names.
///
/// An open-addressing table of positions: a quarter of a dictionary's memory, and no copies of the names. The hash is seeded per process,
/// so that no file can choose colliding names.
package struct NameIndex: Sendable {
    /// Positions in the list plus one; 0 for empty slots. The count is a power of two, or zero.
    private var slots: [UInt32] = []

    package init() {}

    /// Capacity for `capacity` names; `insert` accepts no more.
    package init(capacity: Int) {
        guard capacity > 0 else { return }
        slots = Array(repeating: 0, count: 2 << (Int.bitWidth - (capacity - 1).leadingZeroBitCount))
    }

    package static func hash(_ name: Span<UInt8>) -> Int {
        var hasher = Hasher()
        unsafe name.withUnsafeBytes { unsafe hasher.combine(bytes: $0) }
        return hasher.finalize()
    }

    /// Inserts a position. Returns false, without inserting, if an earlier one has the same name.
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

    /// The slot of a name, or the empty slot for it: some slots are always empty.
    private func slot(_ hash: Int, _ isSame: (Int) -> Bool) -> Int {
        let mask = slots.count - 1
        var slot = hash & mask
        while slots[slot] != 0, !isSame(Int(slots[slot]) - 1) { slot = (slot + 1) & mask }
        return slot
    }
}
