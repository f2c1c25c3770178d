package import QAMFormat

/// The hashes of a model's content (spec section 6.10): the same in every container, in any shards and layout.
package struct ContentHashes: Sendable {
    /// Of everything: tensors, embedded files and metadata.
    package let root: [UInt8]
    /// Of each tensor, in the source's order: its name, what it is, and its elements or codes.
    package let tensors: [[UInt8]]
    /// What the roots are made from, as a .qamw file can keep it.
    package let leaves: ContentLeaves

    /// Hashes all content on up to `threads` tasks. `monitor` gets the bytes done, their total and what is hashed; an error that it throws ends the work.
    /// Throws `unsupported` for tensors and metadata of an unknown kind, and errors from reading.
    package static func hashing(
        _ source: any TensorSource, threads: Int, monitor: (Int, Int, String) throws -> Void = { _, _, _ in }
    ) async throws -> ContentHashes {
        let work = LeafRange.all(of: source), total = work.reduce(0) { $0 + $1.bytes.count }
        var leaves = ContentLeaves(tensors: source.tensors.map { $0.streamLengths.map { _ in [] } }, files: source.files.map { _ in [] }), done = 0
        try await orderedMap(0..<work.count, width: threads) {
            try work[$0].digests(in: source)
        } consume: { index, digests in
            switch work[index].owner {
            case .tensor(let tensor, let stream):
                try monitor(done, total, source.tensors[tensor].name)
                leaves.tensors[tensor][stream] += digests
            case .file(let file):
                try monitor(done, total, source.files[file].name)
                leaves.files[file] += digests
            }
            done += work[index].bytes.count
        }
        return try ContentHashes(leaves, of: source)
    }

    /// The roots that follow from leaves, of which a source must have as many. Throws `unsupported` as `hashing`.
    package init(_ leaves: ContentLeaves, of source: any TensorSource) throws {
        let all = source.tensors, shared = source.shared
        self.leaves = leaves
        tensors = try all.enumerated().map { index, tensor in
            HashTree.digest(.tensor, try Self.record(tensor, all, shared, roots: leaves.tensors[index].map(HashTree.root)))
        }
        let files = source.files.enumerated().map { index, file in
            var record = ByteWriter()
            record.name(file.name)
            record.integer(file.role.rawValue)
            record.count(file.byteCount)
            record.append(HashTree.root(leaves.files[index]))
            return (name: file.name, digest: HashTree.digest(.file, record.bytes))
        }
        if let unknown = source.metadata.unreadable.first {
            throw QAMError(.unsupported, "the metadata \"\(unknown.key)\" are of an unknown type, and cannot be hashed")
        }
        let metadata = source.metadata.entries.map { entry in
            var record = ByteWriter()
            record.name(entry.key)
            record.integer(entry.value.typeNumber)
            record.append(entry.value.encoded)
            return (name: entry.key, digest: HashTree.digest(.metadata, record.bytes))
        }
        let parts = [zip(all, tensors).map { (name: $0.name, digest: $1) }, files, metadata].map(Self.sortedRoot)
        root = HashTree.digest(.model, parts.flatMap(\.self))
    }

    /// Independent of the order of names.
    private static func sortedRoot(_ items: [(name: String, digest: [UInt8])]) -> [UInt8] {
        HashTree.root(items.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }.map(\.digest))
    }

    /// What a tensor is, with the roots of its streams.
    private static func record(_ tensor: TensorDescriptor, _ all: [TensorDescriptor], _ shared: SharedTables, roots: [[UInt8]]) throws -> [UInt8] {
        var record = ByteWriter()
        record.name(tensor.name)
        func shape(kind: UInt8) {
            record.integer(kind)
            record.integer(UInt8(tensor.shape.count))
            for dimension in tensor.shape { record.count(dimension) }
        }
        switch tensor.storage {
        case .raw(let dtype):
            shape(kind: 0)
            record.integer(dtype.id)
        case .coded(let coding):
            shape(kind: 1)
            record.integer(coding.codec.rawValue)
            record.integer(coding.sourceType?.id ?? 0)
            record.integer(UInt8(coding.parameters.count))
            record.append(coding.parameters)
            record.append(coding.codebook.map { HashTree.plainDigest(shared.codebooks[$0].bytes) } ?? [UInt8](repeating: 0, count: HashTree.digestLength))
            record.integer(UInt8(coding.seed == nil ? 0 : 1))
            record.integer(coding.seed.map { shared.seeds[$0] } ?? 0)
            record.integer(UInt8(coding.streams.count))
            for stream in coding.streams {
                record.integer(stream.role.rawValue)
                switch stream.extent {
                case .perRows(let rows, let bytes):
                    record.integer(UInt8(rows.trailingZeroBitCount))
                    record.count(bytes)
                case .whole(let bytes):
                    record.integer(UInt8.max)
                    record.count(bytes)
                }
            }
        case .alias(let target):
            shape(kind: 2)
            record.name(all[target].name)
        case .unreadable(let reason): throw QAMError(.unsupported, "it is of an unknown \(reason), and cannot be hashed", at: .init(tensor: tensor.name))
        }
        for root in roots { record.append(root) }
        return record.bytes
    }
}

extension ByteWriter {
    fileprivate mutating func name(_ name: String) {
        integer(UInt32(name.utf8.count))
        append(Array(name.utf8))
    }
}

/// Consecutive leaves of one stream or file: a piece of work.
struct LeafRange: Sendable {
    enum Owner: Sendable {
        case tensor(Int, stream: Int)
        case file(Int)
    }

    private static let pieceLength = 1 << 17
    private static let maximumLength = 8 * ContentLeaves.leafSize

    var owner: Owner
    /// Begins with a leaf, and ends with one or with the content.
    var bytes: Range<Int>

    /// All leaves of a model, of its tensors first.
    static func all(of source: any TensorSource) -> [LeafRange] {
        source.tensors.indices.flatMap { all(of: $0, in: source) }
            + source.files.enumerated().flatMap { index, file in pieces(of: file.byteCount).map { LeafRange(owner: .file(index), bytes: $0) } }
    }

    static func all(of tensor: Int, in source: any TensorSource) -> [LeafRange] {
        source.tensors[tensor].streamLengths.enumerated().flatMap { stream, length in
            pieces(of: length).map { LeafRange(owner: .tensor(tensor, stream: stream), bytes: $0) }
        }
    }

    private static func pieces(of length: Int) -> [Range<Int>] {
        stride(from: 0, to: length, by: maximumLength).map { $0..<min($0 + maximumLength, length) }
    }

    /// The digests of the leaves.
    func digests(in source: any TensorSource) throws -> [[UInt8]] {
        try stride(from: bytes.lowerBound, to: bytes.upperBound, by: ContentLeaves.leafSize).map { start in
            let leaf = start..<min(start + ContentLeaves.leafSize, bytes.upperBound)
            switch owner {
            case .tensor(let tensor, let stream):
                // A piece that is read stays in a core's cache until it is hashed. Compressed tensors are read in leaves anyway.
                let step = source.granule(of: tensor) < Self.pieceLength ? Self.pieceLength : ContentLeaves.leafSize
                return try HashTree.leaf { take in
                    for piece in stride(from: leaf.lowerBound, to: leaf.upperBound, by: step) {
                        try source.withStream(stream, piece..<min(piece + step, leaf.upperBound), of: tensor) { take($0) }
                    }
                }
            case .file(let file): return HashTree.digest(.leaf, try source.files[file].read(leaf))
            }
        }
    }
}
