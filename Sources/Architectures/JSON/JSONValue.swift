internal import QAMFormat

/// A JSON document as a tree, for small documents. Objects keep the order of their members.
package enum JSONValue: Hashable, Sendable {
    package struct Member: Hashable, Sendable {
        package var key: String
        package var value: JSONValue

        package init(_ key: String, _ value: JSONValue) {
            self.key = key
            self.value = value
        }
    }

    case null
    case bool(Bool)
    /// Holds every signed and unsigned 64-bit integer.
    case integer(Int128)
    case number(Double)
    case string(String)
    case array([JSONValue])
    /// Keys must be unique: the writer does not check, the reader rejects repeated keys.
    case object([Member])

    /// An integer of any type of up to 64 bits.
    package init(_ value: some FixedWidthInteger) { self = .integer(Int128(value)) }

    /// The value of an object's member; nil if there is none. O(members).
    package subscript(key: String) -> JSONValue? {
        guard case .object(let members) = self else { return nil }
        return members.first { $0.key == key }?.value
    }
}

extension JSONValue: ExpressibleByDictionaryLiteral, ExpressibleByArrayLiteral, ExpressibleByStringLiteral {
    package init(dictionaryLiteral members: (String, JSONValue)...) { self = .object(members.map { Member($0, $1) }) }
    package init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
    package init(stringLiteral value: String) { self = .string(value) }
}

extension JSONValue: ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral, ExpressibleByBooleanLiteral {
    package init(floatLiteral value: Double) { self = .number(value) }
    package init(integerLiteral value: Int) { self.init(value) }
    package init(booleanLiteral value: Bool) { self = .bool(value) }
}

extension JSONValue {
    /// Parses a whole document. Throws `malformed`, also for repeated keys.
    ///
    /// - Parameter takingNonFinite: whether numbers may be `NaN`, `Infinity` and `-Infinity`, as Python writes.
    package init(parsing bytes: [UInt8], section: String, takingNonFinite: Bool = false) throws {
        var reader = JSONReader(bytes, section: section, takingNonFinite: takingNonFinite)
        self = try reader.value()
        try reader.end()
    }
}

extension JSONReader {
    /// Reads a value as a tree. Numbers without fraction or exponent become integers if they fit 128 bits.
    package mutating func value() throws -> JSONValue {
        switch try peek() {
        case .null:
            try null()
            return .null
        case .bool: return .bool(try bool())
        case .string: return .string(try string())
        case .number:
            guard let (end, isInteger) = scanNumber(from: position), isInteger,
                let integer = Int128(String(decoding: bytes[position..<end], as: UTF8.self)),
                // Preserve minus zero, which integers lack.
                integer != 0 || bytes[position] != UInt8(ascii: "-")
            else { return .number(try number()) }
            position = end
            return .integer(integer)
        case .array:
            var elements: [JSONValue] = []
            try array { reader in elements.append(try reader.value()) }
            return .array(elements)
        case .object:
            var members: [JSONValue.Member] = []
            var keys: Set<ExactName> = []
            try object { reader, key in
                guard keys.insert(ExactName(key)).inserted else { throw reader.malformed("the key \"\(key)\" is repeated") }
                members.append(JSONValue.Member(key, try reader.value()))
            }
            return .object(members)
        }
    }
}
