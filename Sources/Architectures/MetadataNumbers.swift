package import QAMFormat

/// Numbers in GGUF's metadata, of whatever type the writer chose.
extension MetadataValue {
    /// A non-negative integer. An array of equal values, one per layer, counts as one. Throws `malformed`.
    package func count(key: String) throws -> Int {
        func fault() -> QAMError { QAMError(.malformed, "\"\(key)\" must be one integer that is not negative", at: .init(section: "metadata")) }
        let integer: Int? =
            switch self {
            case .uint8(let value): Int(value)
            case .int8(let value): Int(value)
            case .uint16(let value): Int(value)
            case .int16(let value): Int(value)
            case .uint32(let value): Int(value)
            case .int32(let value): Int(value)
            case .uint64(let value): Int(exactly: value)
            case .int64(let value): Int(value)
            case .array(.uint32(let values)): Self.same(values).map { Int($0) }
            case .array(.int32(let values)): Self.same(values).map { Int($0) }
            default: nil
            }
        guard let integer, integer >= 0 else { throw fault() }
        return integer
    }

    /// A non-negative integer; of an array, one per layer, the first. Throws `malformed`.
    package func firstCount(key: String) throws -> Int {
        switch self {
        case .array(.uint32(let values)): try MetadataValue.uint32(values.first ?? 0).count(key: key)
        case .array(.int32(let values)): try MetadataValue.int32(values.first ?? 0).count(key: key)
        default: try count(key: key)
        }
    }

    /// A finite number. Throws `malformed`.
    package func number(key: String) throws -> Double {
        let number: Double
        switch self {
        case .float32(let value): number = Double(value)
        case .float64(let value): number = value
        default: number = Double(try count(key: key))
        }
        guard number.isFinite else { throw QAMError(.malformed, "\"\(key)\" must be a finite number, not \(number)", at: .init(section: "metadata")) }
        return number
    }

    /// The shortest decimal number that rounds to the value: 1e-05 for the nearest float32.
    package func shortest(key: String) throws -> Double {
        let number = try number(key: key)
        if case .float32(let value) = self { return Double(value.description) ?? number }
        return number
    }

    /// A string; nil for other values.
    package var string: String? {
        if case .string(let string) = self { string } else { nil }
    }

    private static func same<T: Equatable>(_ values: [T]) -> T? {
        guard let first = values.first, values.allSatisfy({ $0 == first }) else { return nil }
        return first
    }
}
