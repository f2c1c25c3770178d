import Synchronization

/// Bits that any thread may set and test at any time. They are never cleared.
@safe package final class AtomicBits: @unchecked Sendable {
    // Unchecked because pointers are not Sendable: the words are atomic and live as long as the object.
    private let words: UnsafeMutableBufferPointer<Atomic<UInt64>>

    /// `count` bits, none set.
    package init(count: Int) {
        unsafe words = .allocate(capacity: (count + 63) / 64)
        for index in unsafe words.indices { unsafe words.initializeElement(at: index, to: Atomic(0)) }
    }

    deinit { unsafe words.deinitialize().deallocate() }

    /// Whether a bit is set. Writes before the bit was set are visible to this thread.
    package func contains(_ bit: Int) -> Bool {
        unsafe words[bit / 64].load(ordering: .acquiring) >> UInt64(bit % 64) & 1 == 1
    }

    package func insert(_ bit: Int) {
        unsafe words[bit / 64].bitwiseOr(1 << UInt64(bit % 64), ordering: .releasing)
    }
}
