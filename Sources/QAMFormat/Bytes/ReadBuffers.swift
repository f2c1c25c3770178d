import Synchronization

/// Reused memory for reads: fresh memory costs a page fault per page, which is as expensive as reading.
///
/// There is one buffer per concurrent read, so memory is bounded by the number of reading threads. The content of a free buffer is reused:
/// small reads within a chunk that was read as a whole for verification are served from it.
final class ReadBuffers: Sendable {
    /// Larger buffers are freed immediately.
    private static let largestKept = 4 << 20
    /// The alignment of buffers that direct reads need.
    private static let alignment = SystemCalls.directAlignment

    @safe private struct Buffer: @unchecked Sendable {
        // Unchecked because pointers are not Sendable: a buffer has one user at a time.
        let memory: UnsafeMutableRawBufferPointer
        /// The range of the file that the buffer holds at its start.
        var held = 0..<0

        func holds(_ range: Range<Int>) -> Bool { held.lowerBound <= range.lowerBound && range.upperBound <= held.upperBound }
    }

    private let free = Mutex<[Buffer]>([])

    deinit {
        let left = free.withLock { $0 }
        for buffer in left { unsafe buffer.memory.deallocate() }
    }

    /// Lends the bytes of a range of the file, filled by `read` unless a buffer holds them.
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

    /// A buffer that holds the range, or one with room for it.
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
