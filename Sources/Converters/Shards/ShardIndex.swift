import Architectures
package import QAMFormat

/// The index of a checkpoint in several files, of safetensors or PyTorch: maps tensors to files.
package struct ShardIndex: Sendable {
    /// The maximum size of an index in bytes: the same as for headers of shards.
    package static let maximumLength = 100_000_000

    package struct Entry: Sendable {
        package var tensor: String
        package var shard: String
    }

    /// The shard's file name by tensor name.
    package let entries: [ExactName: Entry]
    /// The size of all tensors according to `metadata.total_size`, if given.
    package let totalSize: Int?
    /// The distinct names of the shards, in byte order.
    package let shards: [String]

    /// Reads the index. Throws `malformed`, also if a shard's name is not a plain file name, or `limitExceeded`.
    package init(reading file: any ByteSource) throws {
        guard file.byteCount <= Self.maximumLength else {
            throw QAMError(
                .limitExceeded, "an index of \(file.byteCount) bytes is beyond the limit of \(Self.maximumLength)",
                at: .init(file: file.name))
        }
        do {
            (entries, totalSize) = try Self.parse(try file.read(0..<file.byteCount))
        } catch let error as QAMError {
            throw error.inFile(file.name)
        }
        shards = Set(entries.values.map(\.shard)).sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    private static func parse(_ json: [UInt8]) throws -> ([ExactName: Entry], Int?) {
        var map: [ExactName: Entry]?
        var totalSize: Int?
        var keys: Set<String> = []
        var reader = JSONReader(json, section: "index")
        try reader.object { reader, key in
            guard keys.insert(key).inserted else { throw reader.malformed("the key \"\(key)\" is given twice") }
            switch key {
            case "weight_map": map = try weightMap(&reader)
            case "metadata": totalSize = try size(&reader)
            default: try reader.skip()
            }
        }
        try reader.end()
        guard let map else { throw reader.malformed("the index has no weight_map") }
        return (map, totalSize)
    }

    private static func weightMap(_ reader: inout JSONReader) throws -> [ExactName: Entry] {
        var map: [ExactName: Entry] = [:]
        try reader.object { reader, tensor in
            let shard = try reader.string()
            guard EmbeddedFileName.isPlain(shard) else {
                throw reader.malformed("the shard \"\(shard)\" is not a plain file name beside the index")
            }
            guard map.updateValue(Entry(tensor: tensor, shard: shard), forKey: ExactName(tensor)) == nil else {
                throw reader.malformed("the tensor \"\(tensor)\" is given twice")
            }
        }
        return map
    }

    /// The `total_size` of the index's metadata. Some writers store it as a floating-point number.
    private static func size(_ reader: inout JSONReader) throws -> Int? {
        var size: Int?
        var keys: Set<String> = []
        try reader.object { reader, key in
            guard keys.insert(key).inserted else { throw reader.malformed("the key \"\(key)\" is given twice") }
            if key == "total_size" {
                guard let value = Int(exactly: try reader.number(Double.self)) else {
                    throw reader.malformed("total_size is not a number of bytes")
                }
                size = value
            } else {
                try reader.skip()
            }
        }
        return size
    }
}
