package import QAMFormat

/// A strict pull parser for JSON (RFC 8259) in untrusted bytes.
///
/// UTF-8 only, without byte order mark or NUL padding; white space around values is accepted. Nesting is bounded, so that no document
/// exhausts the stack, and allocations are bounded by a small multiple of the text. Every member of an object is passed to the caller, who
/// handles repeated keys. Errors are `malformed` and carry the offset; if the text starts its file, also line and column. Linear time.
package struct JSONReader {
    /// The maximum nesting depth of arrays and objects.
    package static let depthLimit = 64

    package enum Kind: Hashable, Sendable { case object, array, string, number, bool, null }

    let bytes: [UInt8]
    package internal(set) var position = 0
    private var depth = 0
    private let section: String
    private let base: Int
    /// Whether numbers may be `NaN`, `Infinity` and `-Infinity`, as Python writes.
    let takesNonFinite: Bool

    /// `section` and `base`, the offset of the first byte in its file, are for error messages only.
    package init(_ bytes: [UInt8], section: String, base: Int = 0, takingNonFinite: Bool = false) {
        self.bytes = bytes
        self.section = section
        self.base = base
        takesNonFinite = takingNonFinite
    }

    /// The kind of the next value, determined by its first byte.
    package mutating func peek() throws -> Kind {
        skipSpace()
        switch position < bytes.count ? bytes[position] : 0 {
        case UInt8(ascii: "{"): return .object
        case UInt8(ascii: "["): return .array
        case UInt8(ascii: "\""): return .string
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return .number
        case UInt8(ascii: "t"), UInt8(ascii: "f"): return .bool
        case UInt8(ascii: "n"): return .null
        case UInt8(ascii: "N"), UInt8(ascii: "I"):
            guard takesNonFinite else { throw unexpected("a JSON value") }
            return .number
        default: throw unexpected("a JSON value")
        }
    }

    /// Reads an object. `member` is called with each key and must read the value.
    package mutating func object(_ member: (inout JSONReader, String) throws -> Void) throws {
        try list(open: UInt8(ascii: "{"), close: UInt8(ascii: "}"), what: "an object") { reader in
            let key = try reader.string()
            try reader.expect(UInt8(ascii: ":"), "a colon")
            try member(&reader, key)
        }
    }

    /// Reads an array. `element` must read one value per call.
    package mutating func array(_ element: (inout JSONReader) throws -> Void) throws {
        try list(open: UInt8(ascii: "["), close: UInt8(ascii: "]"), what: "an array", element)
    }

    package mutating func bool() throws -> Bool {
        if try literal("true") { return true }
        guard try literal("false") else { throw malformed("true or false is expected here") }
        return false
    }

    package mutating func null() throws {
        guard try literal("null") else { throw malformed("null is expected here") }
    }

    /// Reads and discards a value of any kind.
    package mutating func skip() throws {
        switch try peek() {
        case .object: try object { reader, _ in try reader.skip() }
        case .array: try array { reader in try reader.skip() }
        case .string: _ = try string()
        case .number: _ = try number()
        case .bool: _ = try bool()
        case .null: try null()
        }
    }

    /// Throws `malformed` if anything but white space is left.
    package mutating func end() throws {
        skipSpace()
        guard position == bytes.count else { throw malformed("the JSON text has ended, but more follows") }
    }

    package func malformed(_ message: String) -> QAMError {
        QAMError(.malformed, message + (base == 0 ? " (\(lineAndColumn))" : ""), at: .init(section: section, offset: base + position))
    }

    mutating func skipSpace() {
        while position < bytes.count {
            switch bytes[position] {
            case 0x20, 0x09, 0x0A, 0x0D: position += 1
            default: return
            }
        }
    }

    /// Skips white space and the byte `byte`.
    mutating func expect(_ byte: UInt8, _ what: String) throws {
        skipSpace()
        guard position < bytes.count, bytes[position] == byte else { throw unexpected(what) }
        position += 1
    }

    private mutating func list(
        open: UInt8, close: UInt8, what: String, _ element: (inout JSONReader) throws -> Void
    ) throws {
        try expect(open, what)
        guard depth < Self.depthLimit else { throw malformed("the JSON text nests deeper than \(Self.depthLimit) levels") }
        depth += 1
        defer { depth -= 1 }
        skipSpace()
        if position < bytes.count, bytes[position] == close {
            position += 1
            return
        }
        while true {
            try element(&self)
            skipSpace()
            guard position < bytes.count else { throw malformed("the JSON text ends inside \(what)") }
            let next = bytes[position]
            guard next == close || next == UInt8(ascii: ",") else {
                throw unexpected("a comma or the end of \(what)")
            }
            position += 1
            if next == close { return }
        }
    }

    mutating func literal(_ word: StaticString) throws -> Bool {
        skipSpace()
        let end = position + word.utf8CodeUnitCount
        guard end <= bytes.count, bytes[position..<end].elementsEqual(word.description.utf8) else { return false }
        position = end
        return true
    }
}
