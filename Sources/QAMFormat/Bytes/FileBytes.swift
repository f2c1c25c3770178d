/// A regular file opened for reading.
final class OpenFile: Sendable {
    /// Offsets are added, aligned and multiplied: those of longer files, which can only be sparse, might overflow.
    private static let maximumByteCount = 1 << 60

    let path: String
    let descriptor: CInt
    /// Its status when it was opened.
    let status: FileStatus

    /// Throws `notFound` if there is no regular file, `limitExceeded` for more than 2^60 bytes, or `io`.
    init(path: String, opening: (String) throws -> CInt = SystemCalls.openReading) throws {
        // Checked before opening: opening a pipe would wait for its writer.
        guard let before = try FileStatus(path) else {
            throw QAMError(.notFound, "no such file", at: .init(file: path))
        }
        guard before.kind == .file else {
            throw QAMError(.notFound, "not a regular file", at: .init(file: path))
        }
        let descriptor = try opening(path)
        do {
            // Checked again after opening: the name may refer to another file now.
            let status = try FileStatus(descriptor: descriptor, path: path)
            guard status.byteCount <= Self.maximumByteCount else {
                throw QAMError(.limitExceeded, "a file of \(status.byteCount) bytes is too long", at: .init(file: path))
            }
            self.path = path
            self.descriptor = descriptor
            self.status = status
        } catch {
            SystemCalls.closeDescriptor(descriptor)
            throw error
        }
    }

    deinit { SystemCalls.closeDescriptor(descriptor) }

    func read(_ range: Range<Int>) throws -> [UInt8] { try SystemCalls.read(descriptor, range, path: path) }
}

/// A file read with `pread`: memory is bounded by the requested ranges, and a file that shrinks gives an error instead of a signal.
public final class FileBytes: ByteSource {
    private let file: OpenFile
    private let buffers = ReadBuffers()

    /// Opens the file. Throws `notFound` or `io`.
    public init(path: String) throws { file = try OpenFile(path: path) }

    public var name: String { file.path }
    public var byteCount: Int { file.status.byteCount }
    package var status: FileStatus { file.status }

    public func read(_ range: Range<Int>) throws -> [UInt8] {
        try checkBounds(range)
        return try file.read(range)
    }

    /// Reads into a buffer that later calls reuse, including the bytes it already holds.
    public func withBytes<Result>(_ range: Range<Int>, _ body: (RawSpan) throws -> Result) throws -> Result {
        try checkBounds(range)
        return try unsafe buffers.withBytes(range) { buffer in
            try unsafe SystemCalls.read(file.descriptor, at: range.lowerBound, into: buffer, path: name)
        } _: { bytes in
            try unsafe body(RawSpan(_unsafeBytes: bytes))
        }
    }

    public func willNeed(_ range: Range<Int>) { SystemCalls.willNeed(file.descriptor, range) }
}

/// A file read in whole blocks, bypassing the page cache.
package final class DirectBytes: ByteSource {
    private let file: OpenFile
    private let buffers = ReadBuffers()

    /// Opens the file. Throws `notFound`, or `io` if the file system does not support direct reading.
    package init(path: String) throws { file = try OpenFile(path: path, opening: SystemCalls.openDirect) }

    package var name: String { file.path }
    package var byteCount: Int { file.status.byteCount }
    package var status: FileStatus { file.status }

    package func read(_ range: Range<Int>) throws -> [UInt8] {
        try withBytes(range) { bytes in unsafe bytes.withUnsafeBytes { unsafe Array($0) } }
    }

    /// Reads the blocks that contain the range into a buffer that later calls reuse, including the bytes it already holds.
    package func withBytes<Result>(_ range: Range<Int>, _ body: (RawSpan) throws -> Result) throws -> Result {
        try checkBounds(range)
        let start = range.lowerBound & ~(SystemCalls.directAlignment - 1)
        let end = alignUp(range.upperBound, to: SystemCalls.directAlignment)
        return try unsafe buffers.withBytes(start..<end) { buffer in
            guard start < end else { return }
            try unsafe SystemCalls.read(file.descriptor, at: start, into: buffer, atLeast: min(end, byteCount) - start, path: name)
        } _: { blocks in
            let bytes = unsafe UnsafeRawBufferPointer(rebasing: blocks[(range.lowerBound - start)..<(range.upperBound - start)])
            return try unsafe body(RawSpan(_unsafeBytes: bytes))
        }
    }
}
