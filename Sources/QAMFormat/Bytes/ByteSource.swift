/// Bytes that can be read at any place, from many threads at a time.
public protocol ByteSource: Sendable {
    /// The path or another name for error messages.
    var name: String { get }
    var byteCount: Int { get }
    /// Reads `range`. Throws `truncated` where it reaches beyond the end, `io` where the system fails.
    func read(_ range: Range<Int>) throws -> [UInt8]
}

extension ByteSource {
    package func checkBounds(_ range: Range<Int>) throws {
        guard range.lowerBound >= 0, range.upperBound <= byteCount else {
            throw QAMError(.truncated, "\(range.count) bytes are needed here, but the file ends at \(byteCount)",
                           at: .init(file: name, offset: range.lowerBound, length: range.count))
        }
    }
}

/// A file that is read with `pread`: memory stays bounded by the ranges asked for, and a file that shrinks
/// meanwhile gives an error instead of a signal.
public final class FileBytes: ByteSource {
    public let name: String
    public let byteCount: Int
    public let status: FileStatus
    private let descriptor: CInt

    /// Opens the file. Throws `notFound` or `io`.
    public init(path: String) throws {
        guard let status = FileStatus(path) else {
            throw QAMError(.notFound, "no such file", at: .init(file: path))
        }
        guard status.kind == .file else {
            throw QAMError(.notFound, "not a regular file", at: .init(file: path))
        }
        descriptor = try SystemCalls.openReading(path)
        name = path
        byteCount = status.byteCount
        self.status = status
    }

    deinit { SystemCalls.closeDescriptor(descriptor) }

    public func read(_ range: Range<Int>) throws -> [UInt8] {
        try checkBounds(range)
        return try unsafe [UInt8](unsafeUninitializedCapacity: range.count) { buffer, count in
            let target = unsafe UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(buffer)[..<range.count])
            try unsafe SystemCalls.read(descriptor, at: range.lowerBound, into: target, path: name)
            count = range.count
        }
    }
}

/// Bytes in memory under a name.
public struct MemoryBytes: ByteSource {
    public let name: String
    public let bytes: [UInt8]

    public init(_ bytes: [UInt8], name: String) {
        self.bytes = bytes
        self.name = name
    }

    public var byteCount: Int { bytes.count }

    public func read(_ range: Range<Int>) throws -> [UInt8] {
        try checkBounds(range)
        return Array(bytes[range])
    }
}
