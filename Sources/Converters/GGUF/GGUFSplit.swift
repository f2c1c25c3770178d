internal import QAMFormat

/// The metadata of a file of a split set, as in llama.cpp. `ShardName` names the files.
struct GGUFSplit: Hashable {
    static let fileExtension = "gguf"
    static let numberKey = "split.no"
    static let countKey = "split.count"
    static let tensorCountKey = "split.tensors.count"
    static let keys = [numberKey, countKey, tensorCountKey]
    /// The count is stored as u16.
    static let maximumCount = 65535

    /// From 0; file names count from 1.
    var number: Int
    var count: Int
    /// The number of tensors in all files; nil if missing.
    var tensorCount: Int?

    /// Nil for a whole model. Throws `malformed` for invalid values.
    init?(_ metadata: Metadata) throws {
        guard let count = try Self.integer(Self.countKey, metadata) else {
            guard try Self.integer(Self.numberKey, metadata) ?? 0 == 0 else {
                throw QAMError(.malformed, "\"\(Self.numberKey)\" is given, but \"\(Self.countKey)\" is not", at: .init(section: "metadata"))
            }
            return nil
        }
        if count <= 1 { return nil }
        guard count <= Self.maximumCount else {
            throw QAMError(.malformed, "\"\(Self.countKey)\" is \(count), more than \(Self.maximumCount)", at: .init(section: "metadata"))
        }
        guard let number = try Self.integer(Self.numberKey, metadata), number < count else {
            throw QAMError(.malformed, "\"\(Self.numberKey)\" is missing or not below \"\(Self.countKey)\"", at: .init(section: "metadata"))
        }
        self.number = number
        self.count = count
        tensorCount = try Self.integer(Self.tensorCountKey, metadata)
    }

    private static func integer(_ key: String, _ metadata: Metadata) throws -> Int? {
        let number: Int? =
            switch metadata[key] {
            case nil: nil
            case .uint8(let value)?: Int(value)
            case .uint16(let value)?: Int(value)
            case .uint32(let value)?: Int(value)
            case .uint64(let value)?: Int(exactly: value) ?? -1
            case .int8(let value)?: Int(value)
            case .int16(let value)?: Int(value)
            case .int32(let value)?: Int(value)
            case .int64(let value)?: Int(value)
            default: -1
            }
        if let number, number < 0 { throw QAMError(.malformed, "\"\(key)\" is not a valid number", at: .init(section: "metadata")) }
        return number
    }

    /// The metadata of one file of a set, with llama.cpp's types.
    static func metadata(number: Int, count: Int, tensorCount: Int) throws -> Metadata {
        guard let number = UInt16(exactly: number), let count = UInt16(exactly: count), let tensorCount = Int32(exactly: tensorCount) else {
            throw QAMError(.unsupported, "\(count) shards of \(tensorCount) tensors are more than GGUF can count; allow larger shards")
        }
        var metadata = Metadata()
        metadata.set(numberKey, .uint16(number))
        metadata.set(countKey, .uint16(count))
        metadata.set(tensorCountKey, .int32(tensorCount))
        return metadata
    }
}
