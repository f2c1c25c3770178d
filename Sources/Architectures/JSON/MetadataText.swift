package import QAMFormat

/// Metadata values as text with a type name, for formats and command lines that support only strings.
///
/// The names are `u8 i8 u16 i16 u32 i32 f32 bool string u64 i64 f64`, with suffix `[]` for arrays. A string is its own text; everything
/// else is JSON. Infinities and NaNs, which JSON lacks, are strings of their bits: `"0x7fc00000"`. The round trip is bit-exact.
extension MetadataValue {
    package var typeName: String {
        switch self {
        case .uint8: "u8"
        case .int8: "i8"
        case .uint16: "u16"
        case .int16: "i16"
        case .uint32: "u32"
        case .int32: "i32"
        case .float32: "f32"
        case .bool: "bool"
        case .string: "string"
        case .uint64: "u64"
        case .int64: "i64"
        case .float64: "f64"
        case .array(.uint8): "u8[]"
        case .array(.int8): "i8[]"
        case .array(.uint16): "u16[]"
        case .array(.int16): "i16[]"
        case .array(.uint32): "u32[]"
        case .array(.int32): "i32[]"
        case .array(.float32): "f32[]"
        case .array(.bool): "bool[]"
        case .array(.string): "string[]"
        case .array(.uint64): "u64[]"
        case .array(.int64): "i64[]"
        case .array(.float64): "f64[]"
        }
    }

    package var text: String {
        if case .string(let value) = self { return value }
        var writer = JSONWriter()
        switch self {
        case .string(let value): writer.string(value)
        case .bool(let value): writer.value(.bool(value))
        case .uint8(let value): writer.integer(value)
        case .int8(let value): writer.integer(value)
        case .uint16(let value): writer.integer(value)
        case .int16(let value): writer.integer(value)
        case .uint32(let value): writer.integer(value)
        case .int32(let value): writer.integer(value)
        case .uint64(let value): writer.integer(value)
        case .int64(let value): writer.integer(value)
        case .float32(let value): writer.exact(value)
        case .float64(let value): writer.exact(value)
        case .array(.bool(let values)): writer.elements(values) { $0.value(.bool($1)) }
        case .array(.string(let values)): writer.elements(values) { $0.string($1) }
        case .array(.uint8(let values)): writer.elements(values) { $0.integer($1) }
        case .array(.int8(let values)): writer.elements(values) { $0.integer($1) }
        case .array(.uint16(let values)): writer.elements(values) { $0.integer($1) }
        case .array(.int16(let values)): writer.elements(values) { $0.integer($1) }
        case .array(.uint32(let values)): writer.elements(values) { $0.integer($1) }
        case .array(.int32(let values)): writer.elements(values) { $0.integer($1) }
        case .array(.uint64(let values)): writer.elements(values) { $0.integer($1) }
        case .array(.int64(let values)): writer.elements(values) { $0.integer($1) }
        case .array(.float32(let values)): writer.elements(values) { $0.exact($1) }
        case .array(.float64(let values)): writer.elements(values) { $0.exact($1) }
        }
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    /// Parses a value of the named type. Throws `malformed` if the type is unknown or the text does not match it.
    package init(typeName: String, text: String) throws {
        if typeName == "string" {
            self = .string(text)
            return
        }
        var reader = JSONReader(Array(text.utf8), section: "metadata")
        switch typeName {
        case "u8": self = .uint8(try reader.integer())
        case "i8": self = .int8(try reader.integer())
        case "u16": self = .uint16(try reader.integer())
        case "i16": self = .int16(try reader.integer())
        case "u32": self = .uint32(try reader.integer())
        case "i32": self = .int32(try reader.integer())
        case "u64": self = .uint64(try reader.integer())
        case "i64": self = .int64(try reader.integer())
        case "f32": self = .float32(try reader.exact())
        case "f64": self = .float64(try reader.exact())
        case "bool": self = .bool(try reader.bool())
        case "u8[]": self = .array(.uint8(try reader.elements { try $0.integer() }))
        case "i8[]": self = .array(.int8(try reader.elements { try $0.integer() }))
        case "u16[]": self = .array(.uint16(try reader.elements { try $0.integer() }))
        case "i16[]": self = .array(.int16(try reader.elements { try $0.integer() }))
        case "u32[]": self = .array(.uint32(try reader.elements { try $0.integer() }))
        case "i32[]": self = .array(.int32(try reader.elements { try $0.integer() }))
        case "u64[]": self = .array(.uint64(try reader.elements { try $0.integer() }))
        case "i64[]": self = .array(.int64(try reader.elements { try $0.integer() }))
        case "f32[]": self = .array(.float32(try reader.elements { try $0.exact() }))
        case "f64[]": self = .array(.float64(try reader.elements { try $0.exact() }))
        case "bool[]": self = .array(.bool(try reader.elements { try $0.bool() }))
        case "string[]": self = .array(.string(try reader.elements { try $0.string() }))
        default: throw reader.malformed("unknown metadata type \"\(typeName)\"")
        }
        try reader.end()
    }
}

/// A floating-point type with accessible bits, to distinguish NaNs.
private protocol ExactFloat: BinaryFloatingPoint, LosslessStringConvertible {
    associatedtype Bits: FixedWidthInteger & UnsignedInteger
    var bitPattern: Bits { get }
    init(bitPattern: Bits)
}

extension Float: ExactFloat {}
extension Double: ExactFloat {}

extension JSONWriter {
    fileprivate mutating func exact(_ value: some ExactFloat) {
        if value.isFinite { number(value) } else { string("0x" + String(value.bitPattern, radix: 16)) }
    }

    fileprivate mutating func elements<Element>(_ values: [Element], _ write: (inout JSONWriter, Element) -> Void) {
        array { writer in for value in values { write(&writer, value) } }
    }
}

extension JSONReader {
    fileprivate mutating func exact<T: ExactFloat>() throws -> T {
        guard try peek() == .string else { return try number(T.self) }
        let text = try string()
        guard text.hasPrefix("0x"), let bits = T.Bits(text.dropFirst(2), radix: 16) else {
            throw malformed("a number or a string of its bits is expected here")
        }
        return T(bitPattern: bits)
    }

    fileprivate mutating func elements<Element>(_ read: (inout JSONReader) throws -> Element) throws -> [Element] {
        var elements: [Element] = []
        try array { reader in elements.append(try read(&reader)) }
        return elements
    }
}
