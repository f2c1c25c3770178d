internal import QAMFormat

/// The layout of a GGUF output, determined by names, shapes, types and metadata alone, before any payload is read.
///
/// Tensors keep their order; each starts at the padded end of the previous one. They are assigned to shards greedily and in order, as in
/// llama.cpp's splitter: a shard is closed when the next tensor would not fit, including padding, and a tensor larger than a shard gets its
/// own. The first shard contains all metadata.
struct GGUFPlan: Sendable {
    struct Shard: Sendable {
        /// Includes padding.
        var header: [UInt8]
        var byteCount: Int
    }

    private(set) var shards: [Shard] = []
    /// One per tensor of the source. Aliases have places of their own: GGUF cannot share payloads.
    private(set) var places: [OutputPlan.Place]
    private(set) var warnings: [String] = []

    /// A given `alignment` is stored in the metadata; nil uses theirs. Unless `keepingSplit`, drops the metadata of a split set. Throws
    /// `unsupported` for what GGUF cannot store: coded tensors, unsupported types, rows that are not whole blocks, more than four
    /// dimensions, duplicate names.
    init(
        tensors: [TensorDescriptor], metadata: Metadata, alignment given: Int? = nil, maxShardSize: Int? = nil, keepingSplit: Bool = false
    ) throws {
        var metadata = metadata
        if !keepingSplit { for key in GGUFSplit.keys { metadata.remove(key) } }
        if let given { try Self.set(alignment: given, &metadata) }
        let alignment: Int
        do {
            alignment = try GGUFHeader.alignment(of: metadata)
        } catch let error as QAMError {
            throw QAMError(.unsupported, "GGUF cannot be written: \(error.message)", at: error.place)
        }
        var entries = try Self.entries(of: tensors)
        places = Array(repeating: OutputPlan.Place(shard: 0, offset: 0, byteCount: 0), count: tensors.count)
        let groups = try Self.groups(entries, alignment: alignment, maxShardSize: maxShardSize ?? Int.max)
        for (number, group) in groups.enumerated() {
            var end = 0
            for tensor in group {
                entries[tensor].offset = end
                end += alignUp(entries[tensor].byteCount, to: alignment)
            }
            var own = number == 0 ? metadata : Metadata()
            if groups.count > 1 {
                // Every file is parsed by itself and needs the alignment.
                if let value = metadata[GGUFHeader.alignmentKey] { own.set(GGUFHeader.alignmentKey, value) }
                for entry in try GGUFSplit.metadata(number: number, count: groups.count, tensorCount: tensors.count).entries {
                    own.set(entry.key, entry.value)
                }
            }
            let header = try GGUFHeader.encode(group.map { entries[$0] }, metadata: own)
            for tensor in group {
                places[tensor] = OutputPlan.Place(
                    shard: number, offset: header.count + entries[tensor].offset, byteCount: entries[tensor].byteCount)
            }
            shards.append(Shard(header: header, byteCount: header.count + end))
        }
        warnings = GGUFHeader.longNames(entries)
    }

    var byteCount: Int { shards.reduce(0) { $0 + $1.byteCount } }

    private static func set(alignment: Int, _ metadata: inout Metadata) throws {
        guard alignment.nonzeroBitCount == 1, let value = UInt32(exactly: alignment) else {
            throw QAMError(.invalidArgument, "an alignment must be a power of two below 2^32, not \(alignment)")
        }
        if alignment == GGUFHeader.defaultAlignment {
            metadata.remove(GGUFHeader.alignmentKey)
        } else {
            metadata.set(GGUFHeader.alignmentKey, .uint32(value))
        }
    }

    private static func entries(of tensors: [TensorDescriptor]) throws -> [GGUFHeader.Entry] {
        var names: Set<ExactName> = []
        return try tensors.map { tensor in
            func unsupported(_ message: String) -> QAMError { QAMError(.unsupported, message, at: .init(tensor: tensor.name)) }
            guard names.insert(ExactName(tensor.name)).inserted else { throw unsupported("GGUF cannot hold two tensors of this name") }
            guard tensor.name.utf8.count <= GGUFHeader.maximumKeyLength, !tensor.name.utf8.contains(0) else {
                throw unsupported("GGUF cannot hold this name: it is too long or holds a NUL")
            }
            var target = tensor
            if case .alias(let index) = tensor.storage { target = tensors[index] }
            try target.requireReadable()
            guard case .raw(let dtype) = target.storage else {
                throw unsupported("GGUF has no coded tensors; dequantize them, or carry them along with --packed")
            }
            guard GGMLType.number(of: dtype) != nil else {
                let advice = DType.floating.contains(dtype) ? "choose another with --dtype" : "--dtype converts floating-point tensors only"
                throw unsupported("GGUF has no type \(dtype.name); \(advice)")
            }
            guard tensor.shape.count <= GGUFHeader.maximumDimensions else {
                throw unsupported("it has \(tensor.shape.count) dimensions, and GGUF at most \(GGUFHeader.maximumDimensions)")
            }
            guard tensor.columns % dtype.blockElements == 0 else {
                throw unsupported("rows of \(tensor.columns) elements fill no whole blocks of \(dtype.name), as GGUF wants it")
            }
            return GGUFHeader.Entry(name: tensor.name, shape: tensor.shape, dtype: dtype, byteCount: target.byteCount, offset: 0)
        }
    }

    private static func groups(_ entries: [GGUFHeader.Entry], alignment: Int, maxShardSize: Int) throws -> [[Int]] {
        var total = 0
        for (tensor, entry) in entries.enumerated() {
            let (sum, overflow) = total.addingReportingOverflow(entry.byteCount)
            // Leave room for padding and a header.
            guard !overflow, sum < Int.max - (tensor + 2) * (alignment + 1) - GGUFCursor.maximumLength else {
                throw QAMError(.limitExceeded, "the tensors' sizes add up to more than 2^63 bytes")
            }
            total = sum
        }
        return ShardGroups.groups(sizes: entries.map { alignUp($0.byteCount, to: alignment) }, limit: maxShardSize)
    }
}
