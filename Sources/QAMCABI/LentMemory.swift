import CQAMW

/// Memory that C has pointers into: freed all at once with its owner.
@safe struct LentMemory: ~Copyable, @unchecked Sendable {
    // Unchecked because pointers are not Sendable: until they are returned, for reading only, nothing else has them.
    private var blocks: [UnsafeMutableRawPointer] = unsafe []

    deinit { unsafe blocks.forEach { unsafe $0.deallocate() } }

    /// The text with a terminating zero byte.
    @unsafe mutating func text(_ text: String) -> UnsafePointer<CChar> { unsafe string(text).text }

    /// The text with a terminating zero byte, and its length without it.
    @unsafe mutating func string(_ text: String) -> qamw_string { unsafe bytes(Array(text.utf8)) }

    /// The bytes with a terminating zero byte.
    @unsafe mutating func bytes(_ bytes: [UInt8]) -> qamw_string {
        let block = unsafe allocate(bytes.count + 1, alignment: 8)
        unsafe block.copyMemory(from: bytes + [0], byteCount: bytes.count + 1)
        return unsafe qamw_string(text: block.assumingMemoryBound(to: CChar.self), bytes: UInt64(bytes.count))
    }

    /// A copy of the elements; nil if there are none.
    @unsafe mutating func array<Element: BitwiseCopyable>(_ elements: [Element]) -> UnsafePointer<Element>? {
        guard !elements.isEmpty else { return nil }
        let block = unsafe allocate(elements.count * MemoryLayout<Element>.stride, alignment: MemoryLayout<Element>.alignment)
        let copy = unsafe block.bindMemory(to: Element.self, capacity: elements.count)
        unsafe copy.initialize(from: elements, count: elements.count)
        return unsafe UnsafePointer(copy)
    }

    @unsafe private mutating func allocate(_ byteCount: Int, alignment: Int) -> UnsafeMutableRawPointer {
        let block = UnsafeMutableRawPointer.allocate(byteCount: byteCount, alignment: alignment)
        unsafe blocks.append(block)
        return unsafe block
    }
}
