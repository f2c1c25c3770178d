/// Finds the tensors of a list by their names, compared byte by byte.
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

    /// Enters the tensor at a position. False, and nothing is entered, where an earlier one has its name.
    package mutating func insert(_ position: Int, of tensors: [TensorDescriptor]) -> Bool {
        let slot = slot(of: tensors[position].name, in: tensors)
        guard slots[slot] == 0 else { return false }
        slots[slot] = UInt32(position + 1)
        return true
    }

    /// The position of the tensor of this name. O(1).
    package func position(of name: String, in tensors: [TensorDescriptor]) -> Int? {
        guard !slots.isEmpty else { return nil }
        let entry = slots[slot(of: name, in: tensors)]
        return entry == 0 ? nil : Int(entry) - 1
    }

    /// Where the name is, or would be: some slots are always empty.
    private func slot(of name: String, in tensors: [TensorDescriptor]) -> Int {
        let name = ExactName(name)
        var hasher = Hasher()
        name.hash(into: &hasher)
        let mask = slots.count - 1
        var slot = hasher.finalize() & mask
        while slots[slot] != 0, ExactName(tensors[Int(slots[slot]) - 1].name) != name { slot = (slot + 1) & mask }
        return slot
    }
}
