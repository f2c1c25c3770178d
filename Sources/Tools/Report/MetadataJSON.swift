internal import Converters
internal import QAMFormat

extension JSONValue {
    /// A metadata value as plain JSON: without its type, and null for what is not finite.
    init(_ value: MetadataValue) {
        switch value {
        case .uint8(let value): self.init(value)
        case .int8(let value): self.init(value)
        case .uint16(let value): self.init(value)
        case .int16(let value): self.init(value)
        case .uint32(let value): self.init(value)
        case .int32(let value): self.init(value)
        case .uint64(let value): self.init(value)
        case .int64(let value): self.init(value)
        case .float32(let value): self = Self.number(value)
        case .float64(let value): self = .number(value)
        case .bool(let value): self = .bool(value)
        case .string(let value): self = .string(value)
        case .array(let values): self = Self.array(values)
        }
    }

    private static func array(_ values: MetadataArray) -> JSONValue {
        switch values {
        case .uint8(let values): .array(values.map { JSONValue($0) })
        case .int8(let values): .array(values.map { JSONValue($0) })
        case .uint16(let values): .array(values.map { JSONValue($0) })
        case .int16(let values): .array(values.map { JSONValue($0) })
        case .uint32(let values): .array(values.map { JSONValue($0) })
        case .int32(let values): .array(values.map { JSONValue($0) })
        case .uint64(let values): .array(values.map { JSONValue($0) })
        case .int64(let values): .array(values.map { JSONValue($0) })
        case .float32(let values): .array(values.map(number))
        case .float64(let values): .array(values.map { .number($0) })
        case .bool(let values): .array(values.map { .bool($0) })
        case .string(let values): .array(values.map { .string($0) })
        }
    }

    /// A Float with no more digits than it has.
    private static func number(_ value: Float) -> JSONValue { .number(Double(value.description) ?? Double(value)) }
}
