/// Bytes with random access from many threads.
public protocol ByteSource: Sendable {
    /// The path or another name for error messages.
    var name: String { get }
    var byteCount: Int { get }
    /// Reads `range`. Throws `truncated` if it extends beyond the end, `io` on system failures.
    func read(_ range: Range<Int>) throws -> [UInt8]
    /// Lends the bytes of `range` to `body`, without copying if they are in memory. The span ends with the call. Throws errors of `read`
    /// and `body`.
    func withBytes<Result>(_ range: Range<Int>, _ body: (RawSpan) throws -> Result) throws -> Result
    /// Announces that `range`, which must be in bounds, will be read soon. Never waits or fails.
    func willNeed(_ range: Range<Int>)
}

extension ByteSource {
    /// Reads a copy.
    public func withBytes<Result>(_ range: Range<Int>, _ body: (RawSpan) throws -> Result) throws -> Result {
        let bytes = try read(range)
        return try unsafe body(bytes.span.bytes)
    }

    /// Does nothing.
    public func willNeed(_ range: Range<Int>) {}

    package func checkBounds(_ range: Range<Int>) throws {
        guard range.lowerBound >= 0, range.upperBound <= byteCount else {
            throw QAMError(
                .truncated, "\(range.count) bytes are needed here, but the file ends at \(byteCount)",
                at: .init(file: name, offset: range.lowerBound, length: range.count))
        }
    }
}

/// Bytes in memory with a name.
public struct MemoryBytes: ByteSource {
    /// The name that errors give as the file.
    public let name: String
    /// The content.
    public let bytes: [UInt8]

    /// A source of these bytes.
    public init(_ bytes: [UInt8], name: String) {
        self.bytes = bytes
        self.name = name
    }

    public var byteCount: Int { bytes.count }

    public func read(_ range: Range<Int>) throws -> [UInt8] {
        try checkBounds(range)
        return Array(bytes[range])
    }

    public func withBytes<Result>(_ range: Range<Int>, _ body: (RawSpan) throws -> Result) throws -> Result {
        try checkBounds(range)
        return try unsafe body(bytes.span.extracting(range).bytes)
    }
}
