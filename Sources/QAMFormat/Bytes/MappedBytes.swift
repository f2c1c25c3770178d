/// A read-only memory mapping of a file, for the lifetime of the object.
///
/// `withBytes` lends the mapping itself; `read` copies with `pread`. So nothing touches the mapping before the file's length has been
/// checked.
///
/// Truncating the mapped file terminates the process with SIGBUS when missing pages are touched, and changes to the file are visible. If
/// neither can be excluded, use `FileBytes`.
@safe public final class MappedBytes: ByteSource, @unchecked Sendable {
    // Unchecked because pointers are not Sendable: the mapping is never written and never moves.
    private let file: OpenFile
    private let mapping: UnsafeRawBufferPointer

    /// Opens and maps the whole file. Throws `notFound`, or `io` if the file system cannot map files.
    public init(path: String) throws {
        file = try OpenFile(path: path)
        unsafe mapping = try SystemCalls.map(file.descriptor, length: file.status.byteCount, path: path)
    }

    deinit { unsafe SystemCalls.unmap(mapping) }

    public var name: String { file.path }
    public var byteCount: Int { file.status.byteCount }
    package var status: FileStatus { file.status }

    public func read(_ range: Range<Int>) throws -> [UInt8] {
        try checkBounds(range)
        return try file.read(range)
    }

    /// Lends the mapping. The object, and with it the mapping, outlives the call.
    public func withBytes<Result>(_ range: Range<Int>, _ body: (RawSpan) throws -> Result) throws -> Result {
        try checkBounds(range)
        return try unsafe body(RawSpan(_unsafeBytes: UnsafeRawBufferPointer(rebasing: mapping[range])))
    }

    public func willNeed(_ range: Range<Int>) { unsafe SystemCalls.willNeed(mapping, range.clamped(to: 0..<byteCount)) }
}
