internal import QAMFormat

/// Reads the header of a GGUF file sequentially, in pieces that grow to half a MiB: few reads for a vocabulary of 250,000 tokens, and
/// little data for a small header.
///
/// Every length is checked against the rest of the file before anything is read or allocated.
struct GGUFCursor {
    /// The maximum header size in bytes, far larger than the largest vocabularies.
    static let maximumLength = 1 << 30

    private static let firstPiece = 64 << 10
    private static let largestPiece = 512 << 10

    private let file: any ByteSource
    /// Whether integers are big-endian.
    var isBigEndian = false
    /// The section being read, for error messages.
    var section = "header"
    var tensor: String?

    private var window: [UInt8] = []
    private var position = 0
    /// The file offset of the window.
    private var base = 0
    private var piece = firstPiece
    /// The hash of all bytes before the window.
    private var hash: UInt64 = 0

    init(_ file: any ByteSource) { self.file = file }

    /// The offset in the file.
    var offset: Int { base + position }
    var remaining: Int { file.byteCount - offset }

    /// A hash of all bytes read so far.
    var digest: UInt64 { Self.chain(hash, window[..<position]) }

    func fault(_ code: QAMError.Code, _ message: String, at offset: Int? = nil) -> QAMError {
        QAMError(code, message, at: .init(section: section, tensor: tensor, offset: offset ?? self.offset))
    }

    func fault(_ message: String, at offset: Int? = nil) -> QAMError { fault(.malformed, message, at: offset) }

    mutating func integer<T: FixedWidthInteger & UnsignedInteger & BitwiseCopyable>(_ type: T.Type = T.self) throws -> T {
        let size = MemoryLayout<T>.size
        try require(size)
        defer { position += size }
        let stored = unsafe window.withUnsafeBytes { unsafe $0.loadUnaligned(fromByteOffset: position, as: T.self) }
        return isBigEndian ? T(bigEndian: stored) : T(littleEndian: stored)
    }

    /// Reads a u64 that must fit a non-negative `Int`.
    mutating func count(_ what: String) throws -> Int {
        let start = offset
        let value: UInt64 = try integer()
        guard let count = Int(exactly: value) else { throw fault("\(what) is \(value), beyond 2^63", at: start) }
        return count
    }

    /// Reads a string preceded by its length (u64). Throws if it is not UTF-8.
    mutating func string(_ what: @autoclosure () -> String) throws -> String {
        let start = offset
        let length: UInt64 = try integer()
        guard length <= UInt64(remaining) else {
            throw fault(.truncated, "\(what()) is to have \(length) bytes, but the file has only \(remaining) more", at: start)
        }
        let size = Int(length)
        try require(size)
        defer { position += size }
        // Several times faster than the generic initializers of String.
        guard let text = try? UTF8Span(validating: window.span.extracting(position..<position + size)) else {
            throw fault("\(what()) is not UTF-8", at: start)
        }
        return String(copying: text)
    }

    /// Reads `count` consecutive integers at once.
    mutating func integers<T: FixedWidthInteger & UnsignedInteger & BitwiseCopyable>(_ count: Int) throws -> [T] {
        let size = MemoryLayout<T>.size
        guard count <= remaining / size else { throw tooMany(count, remaining / size) }
        try require(count * size)
        defer { position += count * size }
        let isBigEndian = isBigEndian
        return unsafe window.withUnsafeBytes { bytes in
            unsafe [T](unsafeUninitializedCapacity: count) { values, initialized in
                for index in 0..<count {
                    let stored = unsafe bytes.loadUnaligned(fromByteOffset: position &+ index &* size, as: T.self)
                    unsafe values.initializeElement(at: index, to: isBigEndian ? T(bigEndian: stored) : T(littleEndian: stored))
                }
                initialized = count
            }
        }
    }

    /// Reads `count` consecutive strings.
    mutating func strings(_ count: Int) throws -> [String] {
        guard count <= remaining / 8 else { throw tooMany(count, remaining / 8) }
        var strings: [String] = []
        strings.reserveCapacity(count)
        while strings.count < count {
            position = appendStrings(to: &strings, upTo: count)
            // Strings beyond the end of the window, and errors.
            if strings.count < count { strings.append(try string("string \(strings.count) of the array")) }
        }
        return strings
    }

    /// Appends the strings that lie completely in the window, up to an invalid one: a tight loop for the hundreds of thousands of strings
    /// of a vocabulary. Returns the end of the last one.
    private func appendStrings(to strings: inout [String], upTo count: Int) -> Int {
        let bytes = window.span
        var start = position
        while strings.count < count, bytes.count - start >= 8 {
            let stored = unsafe bytes.bytes.unsafeLoadUnaligned(fromByteOffset: start, as: UInt64.self)
            let length = isBigEndian ? UInt64(bigEndian: stored) : UInt64(littleEndian: stored)
            guard length <= UInt64(bytes.count - start - 8) else { break }
            let end = start + 8 + Int(length)
            guard let text = try? UTF8Span(validating: bytes.extracting(start + 8..<end)) else { break }
            strings.append(String(copying: text))
            start = end
        }
        return start
    }

    private func tooMany(_ count: Int, _ limit: Int) -> QAMError {
        fault(.truncated, "an array is to have \(count) elements, but at most \(limit) fit into what is left of the file")
    }

    /// Ensures that the window contains the next `count` bytes.
    private mutating func require(_ count: Int) throws {
        guard window.count - position < count else { return }
        let start = offset
        guard count <= remaining else {
            throw fault(.truncated, "\(count) bytes are needed here, but the file ends at \(file.byteCount)")
        }
        guard start <= Self.maximumLength - count else {
            throw fault(.limitExceeded, "the header is beyond the limit of \(Self.maximumLength) bytes")
        }
        hash = digest
        window = try file.read(start..<start + min(remaining, max(count, piece)))
        base = start
        position = 0
        piece = min(2 * piece, Self.largestPiece)
    }

    private static func chain(_ hash: UInt64, _ bytes: ArraySlice<UInt8>) -> UInt64 {
        var writer = ByteWriter()
        writer.integer(hash)
        writer.integer(XXH3.hash(bytes))
        return XXH3.hash(writer.bytes)
    }
}
