import Architectures
package import QAMFormat

/// The layout of a safetensors output, determined by names, shapes and types alone, before any payload is read.
///
/// Tensors are assigned to shards greedily and in order, as in huggingface_hub: a shard is closed when the next tensor would not fit, and a
/// tensor larger than a shard gets its own. Within a shard, tensors are sorted stably by descending element size, so that every payload is
/// aligned to its elements; for the same reason the header is padded with spaces to a multiple of 8 bytes.
package struct SafetensorsPlan: Sendable {
    package struct Shard: Sendable {
        package var name: String
        /// The length in eight bytes and the padded JSON.
        package var header: [UInt8]
        package var byteCount: Int
    }

    package let shards: [Shard]
    /// One per tensor of the source. Aliases have places of their own: safetensors cannot share payloads.
    package let places: [OutputPlan.Place]
    /// The index, if there are several shards.
    package let index: [UInt8]?

    static let fileExtension = "safetensors"
    package static let modelName = "model.safetensors"
    package static let indexName = "model.safetensors.index.json"

    /// Throws `unsupported` for what safetensors cannot store: coded tensors, unsupported types, duplicate names.
    package init(tensors: [TensorDescriptor], metadata: Metadata, maxShardSize: Int?) throws {
        let strings = try SafetensorsMetadata.strings(from: metadata)
        let items = try Self.items(of: tensors)
        let groups = try Self.groups(items, maxShardSize: maxShardSize ?? Int.max)
        var shards: [Shard] = []
        var places = Array(repeating: OutputPlan.Place(shard: 0, offset: 0, byteCount: 0), count: tensors.count)
        for (shard, group) in groups.enumerated() {
            let order = group.sorted { (-items[$0].alignment, $0) < (-items[$1].alignment, $1) }
            var end = 0
            for tensor in order {
                places[tensor] = OutputPlan.Place(shard: shard, offset: end, byteCount: items[tensor].byteCount)
                end += items[tensor].byteCount
            }
            let header = try Self.header(order, items, places, metadata: strings)
            for tensor in order { places[tensor].offset += header.count }
            let name =
                groups.count == 1
                ? Self.modelName
                : ShardName(prefix: ShardPaths.modelPrefix, number: shard + 1, count: groups.count, fileExtension: Self.fileExtension).description
            shards.append(Shard(name: name, header: header, byteCount: header.count + end))
        }
        self.shards = shards
        self.places = places
        index = shards.count == 1 ? nil : Self.index(items, places, shards)
    }

    /// The total size of the model's files.
    package var byteCount: Int { shards.reduce(index?.count ?? 0) { $0 + $1.byteCount } }
    package var shardNames: [String] { shards.map(\.name) }

    /// The header's fields of a tensor.
    private struct Item {
        var name: String
        var shape: [Int]
        var dtype: DType
        var byteCount: Int
        var alignment: Int { dtype.blockElements == 1 ? dtype.blockBytes : 1 }
    }

    private static func items(of tensors: [TensorDescriptor]) throws -> [Item] {
        var names: Set = [ExactName("__metadata__")]
        return try tensors.map { tensor in
            func unsupported(_ message: String) -> QAMError { QAMError(.unsupported, message, at: .init(tensor: tensor.name)) }
            guard names.insert(ExactName(tensor.name)).inserted else { throw unsupported("safetensors cannot hold two tensors of this name") }
            var target = tensor
            if case .alias(let index) = tensor.storage { target = tensors[index] }
            try target.requireReadable()
            guard case .raw(let dtype) = target.storage else {
                throw unsupported("safetensors has no coded tensors; dequantize them, or carry them along with --packed")
            }
            guard DType.safetensors.contains(dtype) else {
                throw unsupported("safetensors has no type \(dtype.name); choose another with --dtype")
            }
            return Item(name: tensor.name, shape: tensor.shape, dtype: dtype, byteCount: target.byteCount)
        }
    }

    private static func groups(_ items: [Item], maxShardSize: Int) throws -> [[Int]] {
        var groups: [[Int]] = []
        var current: [Int] = []
        var size = 0
        var total = 0
        for (tensor, item) in items.enumerated() {
            let (sum, overflow) = total.addingReportingOverflow(item.byteCount)
            guard !overflow else { throw QAMError(.limitExceeded, "the tensors' sizes add up to more than 2^63 bytes") }
            total = sum
            if item.byteCount > maxShardSize {
                groups.append([tensor])
                continue
            }
            if size > maxShardSize - item.byteCount {
                groups.append(current)
                current = []
                size = 0
            }
            current.append(tensor)
            size += item.byteCount
        }
        if !current.isEmpty || groups.isEmpty { groups.append(current) }
        return groups
    }

    private static func header(
        _ order: [Int], _ items: [Item], _ places: [OutputPlan.Place], metadata: [(key: String, value: String)]
    ) throws -> [UInt8] {
        let entries = order.map { tensor in
            let start = places[tensor].offset
            return SafetensorsHeader.Entry(
                name: items[tensor].name, dtype: items[tensor].dtype, shape: items[tensor].shape,
                range: start..<start + items[tensor].byteCount)
        }
        return try SafetensorsHeader.encode(entries, metadata: metadata)
    }

    /// Formatted like huggingface_hub's: two spaces per level, keys sorted.
    private static func index(_ items: [Item], _ places: [OutputPlan.Place], _ shards: [Shard]) -> [UInt8] {
        let order = items.indices.sorted { items[$0].name.unicodeScalars.lexicographicallyPrecedes(items[$1].name.unicodeScalars) }
        let map = order.map { JSONValue.Member(items[$0].name, .string(shards[places[$0].shard].name)) }
        let totalSize = items.reduce(0) { $0 + $1.byteCount }
        let text = JSONWriter.text(["metadata": ["total_size": JSONValue(totalSize)], "weight_map": .object(map)], pretty: true)
        return Array((text + "\n").utf8)
    }
}
