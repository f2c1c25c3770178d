internal import Architectures
internal import Converters
internal import QAMFormat

extension JSONValue {
    /// A metadata value as untyped JSON; non-finite numbers are null.
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
        case .array(let array): self = .array(array.values.map { JSONValue($0) })
        }
    }

    /// The shortest decimal of a Float.
    private static func number(_ value: Float) -> JSONValue { .number(Double(value.description) ?? Double(value)) }
}
