import Synchronization

/// Memory for reads, used again: fresh memory costs a page fault for each of its pages, which is as dear as reading.
///
/// There are as many buffers as reads at one time, so memory is bounded by the threads that read. What a free buffer
/// holds is not read again: whoever reads small pieces of a chunk that was read as a whole, to be checked, gets them from
/// there.
final class ReadBuffers: Sendable {
    /// Larger buffers are given back at once.
    private static let largestKept = 4 << 20
    /// Buffers begin at multiples of it: what direct reads need.
    private static let alignment = SystemCalls.directAlignment

    @safe private struct Buffer: @unchecked Sendable {
        // Unchecked, because pointers are not Sendable: a buffer has one user at a time.
        let memory: UnsafeMutableRawBufferPointer
        /// The bytes of the file that lie at its begin.
        var held = 0..<0

        func holds(_ range: Range<Int>) -> Bool { held.lowerBound <= range.lowerBound && range.upperBound <= held.upperBound }
    }

    private let free = Mutex<[Buffer]>([])

    deinit {
        let left = free.withLock { $0 }
        for buffer in left { unsafe buffer.memory.deallocate() }
    }

    /// Lends the bytes of a range of the file, which `read` puts where it is told to, unless a buffer holds them.
    func withBytes<Result>(
        _ range: Range<Int>, read: (UnsafeMutableRawBufferPointer) throws -> Void, _ body: (UnsafeRawBufferPointer) throws -> Result
    ) throws -> Result {
        var buffer = take(range)
        defer { giveBack(buffer) }
        if !buffer.holds(range) {
            buffer.held = 0..<0
            try unsafe read(UnsafeMutableRawBufferPointer(rebasing: buffer.memory[..<range.count]))
            buffer.held = range
        }
        let start = range.lowerBound - buffer.held.lowerBound
        return try unsafe body(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffer.memory)[start..<start + range.count]))
    }

    /// A buffer that holds the range, or else one with room for it.
    private func take(_ range: Range<Int>) -> Buffer {
        let found = free.withLock { free in
            free.lastIndex { $0.holds(range) }.map { free.remove(at: $0) } ?? free.popLast()
        }
        if let found {
            if unsafe found.memory.count >= range.count { return found }
            unsafe found.memory.deallocate()
        }
        return unsafe Buffer(memory: .allocate(byteCount: alignUp(max(range.count, 1), to: Self.alignment), alignment: Self.alignment))
    }

    private func giveBack(_ buffer: Buffer) {
        guard unsafe buffer.memory.count <= Self.largestKept else { return unsafe buffer.memory.deallocate() }
        free.withLock { $0.append(buffer) }
    }
}
