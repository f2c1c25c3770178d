/// Writes JSON deterministically.
///
/// Escapes only what must be. Floating-point numbers are the shortest text that reads back as the same value; non-finite numbers, which
/// JSON lacks, become `null`, or with `keepingNonFinite` what Python writes.
package struct JSONWriter {
    package private(set) var bytes: [UInt8] = []
    private let isPretty: Bool
    private let keepsNonFinite: Bool
    private var depth = 0
    private var previous = Previous.opening

    /// What precedes the next value or key.
    private enum Previous { case opening, key, value }

    /// `pretty` puts every member and element on its own line, indented by two spaces per level.
    package init(pretty: Bool = false, keepingNonFinite: Bool = false) {
        isPretty = pretty
        keepsNonFinite = keepingNonFinite
    }

    /// The text of a whole document.
    package static func text(_ value: JSONValue, pretty: Bool = false, keepingNonFinite: Bool = false) -> String {
        var writer = JSONWriter(pretty: pretty, keepingNonFinite: keepingNonFinite)
        writer.value(value)
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    package mutating func object(_ members: (inout JSONWriter) throws -> Void) rethrows {
        try list(UInt8(ascii: "{"), UInt8(ascii: "}"), members)
    }

    package mutating func array(_ elements: (inout JSONWriter) throws -> Void) rethrows {
        try list(UInt8(ascii: "["), UInt8(ascii: "]"), elements)
    }

    /// A member's key; its value must follow.
    package mutating func key(_ key: String) {
        separate()
        quote(key)
        bytes.append(UInt8(ascii: ":"))
        if isPretty { bytes.append(UInt8(ascii: " ")) }
        previous = .key
    }

    package mutating func string(_ value: String) {
        separate()
        quote(value)
    }

    package mutating func integer(_ value: some BinaryInteger) { literal(value.description) }

    package mutating func number(_ value: some BinaryFloatingPoint & LosslessStringConvertible) {
        if value.isFinite { return literal(value.description) }
        literal(!keepsNonFinite ? "null" : value.isNaN ? "NaN" : value < 0 ? "-Infinity" : "Infinity")
    }

    package mutating func value(_ value: JSONValue) {
        switch value {
        case .null: literal("null")
        case .bool(let bool): literal(bool ? "true" : "false")
        case .integer(let integer): self.integer(integer)
        case .number(let number): self.number(number)
        case .string(let string): self.string(string)
        case .array(let elements): array { writer in for element in elements { writer.value(element) } }
        case .object(let members):
            object { writer in
                for member in members {
                    writer.key(member.key)
                    writer.value(member.value)
                }
            }
        }
    }

    private mutating func literal(_ text: String) {
        separate()
        bytes.append(contentsOf: text.utf8)
    }

    private mutating func list(_ open: UInt8, _ close: UInt8, _ body: (inout JSONWriter) throws -> Void) rethrows {
        separate()
        bytes.append(open)
        depth += 1
        previous = .opening
        try body(&self)
        depth -= 1
        if previous == .value { breakLine() }
        bytes.append(close)
        previous = .value
    }

    /// The comma and line break before a key or an element.
    private mutating func separate() {
        if previous == .value { bytes.append(UInt8(ascii: ",")) }
        // A value stays on its key's line.
        if previous != .key, depth > 0 { breakLine() }
        previous = .value
    }

    private mutating func breakLine() {
        guard isPretty else { return }
        bytes.append(UInt8(ascii: "\n"))
        bytes.append(contentsOf: repeatElement(UInt8(ascii: " "), count: 2 * depth))
    }

    private mutating func quote(_ text: String) {
        bytes.append(UInt8(ascii: "\""))
        defer { bytes.append(UInt8(ascii: "\"")) }
        // Most strings need no escaping.
        if text.utf8.allSatisfy({ $0 >= 0x20 && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\") }) {
            bytes.append(contentsOf: text.utf8)
            return
        }
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes.append(contentsOf: [UInt8(ascii: "\\"), byte])
            case 0x08: bytes.append(contentsOf: "\\b".utf8)
            case 0x09: bytes.append(contentsOf: "\\t".utf8)
            case 0x0A: bytes.append(contentsOf: "\\n".utf8)
            case 0x0C: bytes.append(contentsOf: "\\f".utf8)
            case 0x0D: bytes.append(contentsOf: "\\r".utf8)
            case ..<0x20:
                bytes.append(contentsOf: "\\u00".utf8)
                bytes.append(contentsOf: (byte < 16 ? "0" : "").utf8)
                bytes.append(contentsOf: String(byte, radix: 16).utf8)
            default: bytes.append(byte)
            }
        }
    }
}
