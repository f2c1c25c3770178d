/// Encodes and decodes metadata (spec section 6.1). Type numbers are GGUF's.
extension Metadata {
    package var encoded: [UInt8] {
        var writer = ByteWriter()
        writer.count(entries.count + unreadable.count)
        for entry in entries {
            writer.entry(entry.key, entry.value.typeNumber, entry.value.encoded)
        }
        for entry in unreadable { writer.entry(entry.key, entry.type, entry.value) }
        return writer.bytes
    }

    package init(encoded bytes: [UInt8], base: Int = 0) throws {
        self.init()
        var reader = ByteReader(bytes, section: SectionName.metadata.rawValue, base: base)
        let count = try reader.count()
        // The minimum entry: a key's length, a type, a value's length.
        guard count <= bytes.count / 20 else { throw reader.malformed("\(count) entries do not fit in \(bytes.count) bytes") }
        var unreadableKeys = Set<ExactName>()
        for _ in 0..<count {
            let key = try reader.text(allowingNUL: false)
            guard self[key] == nil, !unreadableKeys.contains(ExactName(key)) else { throw reader.malformed("there are two entries \"\(key)\"") }
            let type: UInt32 = try reader.integer()
            let length = try reader.count()
            guard length <= reader.remaining else { throw reader.malformed("a value of \(length) bytes does not fit in \(reader.remaining)") }
            let end = reader.position + length
            if try Self.isKnown(type, reader, end) {
                set(key, type == 9 ? .array(try MetadataArray(&reader)) : try MetadataValue(&reader, type: type))
                guard reader.position == end else { throw reader.malformed("the value of \"\(key)\" has not the length of its type") }
            } else {
                keep(UnreadableEntry(key: key, type: type, value: Array(try reader.take(length))))
                unreadableKeys.insert(ExactName(key))
            }
        }
        guard reader.remaining == 0 else { throw reader.malformed("\(reader.remaining) bytes follow the last entry") }
    }
}

extension Metadata {
    private static let arrayType: UInt32 = 9, largestType: UInt32 = 12

    /// Whether a value of this type, which ends at `end`, can be parsed; for an array, this depends on the element type. `reader` is a copy.
    private static func isKnown(_ type: UInt32, _ reader: ByteReader, _ end: Int) throws -> Bool {
        guard type == arrayType else { return type <= largestType }
        var reader = reader
        guard end - reader.position >= 4 else { throw reader.malformed("an array has no type of elements") }
        let element: UInt32 = try reader.integer()
        return element != arrayType && element <= largestType
    }
}

extension MetadataValue {
    /// The value's bytes without type and length, as in GGUF.
    package var encoded: [UInt8] {
        var writer = ByteWriter()
        if case .array(let array) = self { array.encode(into: &writer) } else { encodeScalar(into: &writer) }
        return writer.bytes
    }

    /// GGUF's number of the type; 9 for arrays.
    package var typeNumber: UInt32 {
        switch self {
        case .uint8: 0
        case .int8: 1
        case .uint16: 2
        case .int16: 3
        case .uint32: 4
        case .int32: 5
        case .float32: 6
        case .bool: 7
        case .string: 8
        case .array: 9
        case .uint64: 10
        case .int64: 11
        case .float64: 12
        }
    }

    fileprivate func encodeScalar(into writer: inout ByteWriter) {
        switch self {
        case .uint8(let value): writer.integer(value)
        case .int8(let value): writer.integer(UInt8(bitPattern: value))
        case .uint16(let value): writer.integer(value)
        case .int16(let value): writer.integer(UInt16(bitPattern: value))
        case .uint32(let value): writer.integer(value)
        case .int32(let value): writer.integer(UInt32(bitPattern: value))
        case .float32(let value): writer.integer(value.bitPattern)
        case .bool(let value): writer.integer(UInt8(value ? 1 : 0))
        case .string(let value): writer.text(value)
        case .uint64(let value): writer.integer(value)
        case .int64(let value): writer.integer(UInt64(bitPattern: value))
        case .float64(let value): writer.integer(value.bitPattern)
        case .array: break
        }
    }

    fileprivate init(_ reader: inout ByteReader, type: UInt32) throws {
        switch type {
        case 0: self = .uint8(try reader.integer())
        case 1: self = .int8(Int8(bitPattern: try reader.integer()))
        case 2: self = .uint16(try reader.integer())
        case 3: self = .int16(Int16(bitPattern: try reader.integer()))
        case 4: self = .uint32(try reader.integer())
        case 5: self = .int32(Int32(bitPattern: try reader.integer()))
        case 6: self = .float32(Float(bitPattern: try reader.integer()))
        case 7: self = .bool(try reader.bool())
        case 8: self = .string(try reader.text())
        case 10: self = .uint64(try reader.integer())
        case 11: self = .int64(Int64(bitPattern: try reader.integer()))
        case 12: self = .float64(Double(bitPattern: try reader.integer()))
        default: throw reader.malformed("unknown metadata type \(type)")
        }
    }
}

extension MetadataArray {
    /// The elements as values.
    public var values: [MetadataValue] {
        switch self {
        case .uint8(let values): values.map { .uint8($0) }
        case .int8(let values): values.map { .int8($0) }
        case .uint16(let values): values.map { .uint16($0) }
        case .int16(let values): values.map { .int16($0) }
        case .uint32(let values): values.map { .uint32($0) }
        case .int32(let values): values.map { .int32($0) }
        case .float32(let values): values.map { .float32($0) }
        case .bool(let values): values.map { .bool($0) }
        case .string(let values): values.map { .string($0) }
        case .uint64(let values): values.map { .uint64($0) }
        case .int64(let values): values.map { .int64($0) }
        case .float64(let values): values.map { .float64($0) }
        }
    }

    /// GGUF's number of the element type.
    package var elementTypeNumber: UInt32 {
        switch self {
        case .uint8: 0
        case .int8: 1
        case .uint16: 2
        case .int16: 3
        case .uint32: 4
        case .int32: 5
        case .float32: 6
        case .bool: 7
        case .string: 8
        case .uint64: 10
        case .int64: 11
        case .float64: 12
        }
    }

    fileprivate func encode(into writer: inout ByteWriter) {
        let values = self.values
        writer.integer(elementTypeNumber)
        writer.count(values.count)
        for value in values { value.encodeScalar(into: &writer) }
    }

    /// The minimum bytes of an element of a type: for a string, those of its length.
    private static func leastElementBytes(_ type: UInt32) -> Int {
        switch type {
        case 2, 3: 2
        case 4, 5, 6: 4
        case 8, 10, 11, 12: 8
        default: 1
        }
    }

    fileprivate init(_ reader: inout ByteReader) throws {
        let type: UInt32 = try reader.integer()
        let count = try reader.count()
        guard count <= reader.remaining / Self.leastElementBytes(type) else {
            throw reader.malformed("an array of \(count) elements does not fit in \(reader.remaining) bytes")
        }
        switch type {
        case 0: self = .uint8(Array(try reader.take(count)))
        case 1: self = .int8(try reader.take(count).map { Int8(bitPattern: $0) })
        case 2: self = .uint16(try reader.elements(count) { try $0.integer() })
        case 3: self = .int16(try reader.elements(count) { Int16(bitPattern: try $0.integer()) })
        case 4: self = .uint32(try reader.elements(count) { try $0.integer() })
        case 5: self = .int32(try reader.elements(count) { Int32(bitPattern: try $0.integer()) })
        case 6: self = .float32(try reader.elements(count) { Float(bitPattern: try $0.integer()) })
        case 7: self = .bool(try reader.elements(count) { try $0.bool() })
        case 8: self = .string(try reader.elements(count) { try $0.text() })
        case 10: self = .uint64(try reader.elements(count) { try $0.integer() })
        case 11: self = .int64(try reader.elements(count) { Int64(bitPattern: try $0.integer()) })
        case 12: self = .float64(try reader.elements(count) { Double(bitPattern: try $0.integer()) })
        default: throw reader.malformed("unknown array element type \(type)")
        }
    }
}

extension ByteReader {
    fileprivate mutating func elements<Element>(_ count: Int, _ next: (inout ByteReader) throws -> Element) throws -> [Element] {
        var result: [Element] = []
        // The elements fit into the remaining bytes, so memory is bounded.
        result.reserveCapacity(count)
        for _ in 0..<count { result.append(try next(&self)) }
        return result
    }

    fileprivate mutating func bool() throws -> Bool {
        let byte: UInt8 = try integer()
        guard byte <= 1 else { throw malformed("a truth value is \(byte), not 0 or 1") }
        return byte == 1
    }

    /// A string preceded by its length (u64).
    fileprivate mutating func text(allowingNUL: Bool = true) throws -> String {
        try string(try count(), allowingNUL: allowingNUL)
    }
}

extension ByteWriter {
    fileprivate mutating func entry(_ key: String, _ type: UInt32, _ value: [UInt8]) {
        text(key)
        integer(type)
        count(value.count)
        append(value)
    }

    fileprivate mutating func text(_ value: String) {
        count(value.utf8.count)
        append(value.utf8)
    }
}
