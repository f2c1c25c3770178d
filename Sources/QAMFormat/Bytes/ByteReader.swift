/// A bounds-checked cursor over bytes. All integers are little-endian.
package struct ByteReader {
    package let bytes: [UInt8]
    package private(set) var position: Int
    /// The offset of the bytes in their file, and their name, for error messages.
    private let base: Int
    private let section: String

    package init(_ bytes: [UInt8], section: String, base: Int = 0) {
        self.bytes = bytes
        self.section = section
        self.base = base
        position = 0
    }

    package var remaining: Int { bytes.count - position }

    package func malformed(_ message: String) -> QAMError { malformed(message, at: position) }

    private func malformed(_ message: String, at position: Int) -> QAMError {
        QAMError(.malformed, message, at: .init(section: section, offset: base + position))
    }

    package mutating func take(_ count: Int) throws -> ArraySlice<UInt8> {
        let start = position
        try skip(count)
        return bytes[start..<position]
    }

    package mutating func skip(_ count: Int) throws {
        guard count >= 0, count <= remaining else {
            throw malformed("\(count) bytes are needed here, but \(remaining) are left")
        }
        position += count
    }

    @inline(__always)
    package mutating func integer<T: FixedWidthInteger & UnsignedInteger>(_ type: T.Type = T.self) throws -> T {
        let size = T.bitWidth / 8
        guard size <= remaining else { throw malformed("\(size) bytes are needed here, but \(remaining) are left") }
        defer { position += size }
        return T(littleEndian: unsafe bytes.withUnsafeBytes { unsafe $0.loadUnaligned(fromByteOffset: position, as: T.self) })
    }

    /// A u64 that must fit a non-negative `Int`.
    package mutating func count() throws -> Int {
        let value: UInt64 = try integer()
        guard let count = Int(exactly: value) else { throw malformed("the value \(value) is out of range") }
        return count
    }

    /// `count` bytes of UTF-8; a NUL among them is refused unless allowed.
    package mutating func string(_ count: Int, allowingNUL: Bool = false) throws -> String {
        try text(count, allowingNUL: allowingNUL) { String(copying: $0) }
    }

    /// Checks text like `string`, without copying.
    package mutating func skipText(_ count: Int) throws { try text(count, allowingNUL: false) { _ in } }

    private mutating func text<Result>(_ count: Int, allowingNUL: Bool, _ body: (UTF8Span) -> Result) throws -> Result {
        let start = position
        try skip(count)
        let raw = bytes.span.extracting(start..<position)
        guard let text = try? UTF8Span(validating: raw) else { throw malformed("the text is not UTF-8", at: start) }
        guard allowingNUL || !raw.holdsNUL else { throw malformed("the text holds a NUL", at: start) }
        return body(text)
    }

    /// Reserved bytes: they must be zero.
    package mutating func reserved(_ count: Int) throws {
        let start = position
        try skip(count)
        for index in start..<position where bytes[index] != 0 { throw malformed("reserved bytes must be zero", at: start) }
    }
}

extension Span<UInt8> {
    /// Whether the bytes are those of `other`: eight at a time.
    package func equals(_ other: Span<UInt8>) -> Bool {
        guard count == other.count else { return false }
        return unsafe withUnsafeBytes { left in
            unsafe other.withUnsafeBytes { right in
                func differ<Word: FixedWidthInteger & BitwiseCopyable>(at offset: Int, _ type: Word.Type) -> Bool {
                    unsafe left.loadUnaligned(fromByteOffset: offset, as: Word.self) != right.loadUnaligned(fromByteOffset: offset, as: Word.self)
                }
                var offset = 0
                while offset + 8 <= left.count {
                    if differ(at: offset, UInt64.self) { return false }
                    offset += 8
                }
                while offset < left.count {
                    if differ(at: offset, UInt8.self) { return false }
                    offset += 1
                }
                return true
            }
        }
    }

    /// Whether one of the bytes is zero: eight at a time.
    fileprivate var holdsNUL: Bool {
        unsafe withUnsafeBytes { bytes in
            var offset = 0
            while offset + 8 <= bytes.count {
                let word = unsafe bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
                if (word &- 0x0101_0101_0101_0101) & ~word & 0x8080_8080_8080_8080 != 0 { return true }
                offset += 8
            }
            return unsafe bytes[offset...].contains(0)
        }
    }
}

/// Appends little-endian integers to bytes.
package struct ByteWriter {
    package private(set) var bytes: [UInt8] = []

    package init() {}

    @inline(__always)
    package mutating func integer<T: FixedWidthInteger & UnsignedInteger>(_ value: T) {
        for shift in stride(from: 0, to: T.bitWidth, by: 8) { bytes.append(UInt8(truncatingIfNeeded: value >> T(shift))) }
    }

    package mutating func count(_ value: Int) { integer(UInt64(value)) }

    package mutating func append(_ more: some Sequence<UInt8>) { bytes.append(contentsOf: more) }

    package mutating func zeros(_ count: Int) { bytes.append(contentsOf: repeatElement(0, count: count)) }
}

/// The next multiple of `alignment`, a power of two. The caller has checked that the sum cannot overflow.
package func alignUp(_ value: Int, to alignment: Int) -> Int { (value + alignment - 1) & ~(alignment - 1) }

package func greatestCommonDivisor(_ a: Int, _ b: Int) -> Int { b == 0 ? a : greatestCommonDivisor(b, a % b) }
