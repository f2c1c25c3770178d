internal import QAMFormat

extension MetadataArray {
    var count: Int {
        switch self {
        case .uint8(let values): values.count
        case .int8(let values): values.count
        case .uint16(let values): values.count
        case .int16(let values): values.count
        case .uint32(let values): values.count
        case .int32(let values): values.count
        case .float32(let values): values.count
        case .bool(let values): values.count
        case .string(let values): values.count
        case .uint64(let values): values.count
        case .int64(let values): values.count
        case .float64(let values): values.count
        }
    }

    /// The first elements, at most so many. O(length).
    func prefix(_ length: Int) -> MetadataArray {
        switch self {
        case .uint8(let values): .uint8(Array(values.prefix(length)))
        case .int8(let values): .int8(Array(values.prefix(length)))
        case .uint16(let values): .uint16(Array(values.prefix(length)))
        case .int16(let values): .int16(Array(values.prefix(length)))
        case .uint32(let values): .uint32(Array(values.prefix(length)))
        case .int32(let values): .int32(Array(values.prefix(length)))
        case .float32(let values): .float32(Array(values.prefix(length)))
        case .bool(let values): .bool(Array(values.prefix(length)))
        case .string(let values): .string(Array(values.prefix(length)))
        case .uint64(let values): .uint64(Array(values.prefix(length)))
        case .int64(let values): .int64(Array(values.prefix(length)))
        case .float64(let values): .float64(Array(values.prefix(length)))
        }
    }
}
