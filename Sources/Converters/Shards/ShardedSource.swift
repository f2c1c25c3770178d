public import QAMFormat

/// A checkpoint in several files with an index. Tensors are sorted by their shards' names, and within a shard are in its own order.
public struct ShardedSource: LendingSource {
    public let metadata: Metadata
    public let tensors: [TensorDescriptor]
    public let warnings: [String]
    public let inputs: [String]
    public let fingerprint: String
    /// The files, in the order of their names.
    package let shards: [any LendingSource]
    /// The index of each shard's first tensor, followed by the total number of tensors.
    private let starts: [Int]

    /// Opens the index and, with `open`, all shards. Throws `malformed` if shards are missing, or index and shards contradict each other.
    /// O(n log n) for n tensors; keeps one file open per shard.
    package init(indexPath: String, opening open: (String) throws -> any LendingSource) throws {
        let file = try FileBytes(path: indexPath)
        let index = try ShardIndex(reading: file)
        let paths = try Self.paths(of: index.shards, folder: Path.folder(of: indexPath), indexPath: indexPath)
        let shards = try paths.map(open)
        var tensors: [TensorDescriptor] = []
        var starts = [0]
        for shard in shards {
            let start = tensors.count
            tensors += shard.tensors.map { tensor in
                var tensor = tensor
                if case .alias(let target) = tensor.storage { tensor.storage = .alias(of: start + target) }
                return tensor
            }
            starts.append(tensors.count)
        }
        try Self.check(index, against: shards, indexPath: indexPath)
        do { try TensorTotals.check(tensors) } catch let error as QAMError { throw error.inFile(indexPath) }

        var warnings = shards.flatMap(\.warnings)
        let byteCount = tensors.reduce(0) { $0 + $1.byteCount }
        // Some writers count tied tensors once, others each time.
        let withAliases = tensors.reduce(0) { sum, tensor in
            if case .alias(let target) = tensor.storage { sum + tensors[target].byteCount } else { sum + tensor.byteCount }
        }
        if let totalSize = index.totalSize, totalSize != byteCount, totalSize != withAliases {
            warnings.append("\(Path.name(of: indexPath)): total_size is \(totalSize), but the tensors have \(byteCount) bytes")
        }
        metadata = Self.merged(shards, &warnings)
        self.warnings = warnings
        self.tensors = tensors
        self.shards = shards
        self.starts = starts
        inputs = [indexPath] + shards.flatMap(\.inputs)
        fingerprint = (["sharded \(file.fingerprint)"] + shards.map(\.fingerprint)).joined(separator: "\n")
    }

    public func withBytes<Result>(_ range: Range<Int>, ofStream stream: Int, of tensor: Int, _ body: (RawSpan) throws -> Result) throws -> Result {
        let shard = starts.lastIndex { $0 <= tensor } ?? 0
        return try shards[shard].withBytes(range, ofStream: stream, of: tensor - starts[shard], body)
    }

    private static func paths(of names: [String], folder: String, indexPath: String) throws -> [String] {
        let missing = try names.filter { try FileStatus(Path.join(folder, $0))?.kind != .file }
        guard missing.isEmpty else {
            throw QAMError(.malformed, "\(missing.count) of \(names.count) shards are missing: \(Format.list(missing))", at: .init(file: indexPath))
        }
        return names.map { Path.join(folder, $0) }
    }

    /// Index and shards must contain the same tensors, each in one shard.
    private static func check(_ index: ShardIndex, against shards: [any LendingSource], indexPath: String) throws {
        func fault(_ message: String, _ tensor: String) -> QAMError {
            QAMError(.malformed, message, at: .init(file: indexPath, tensor: tensor))
        }
        var found: Set<ExactName> = []
        for (shard, name) in zip(shards, index.shards) {
            for tensor in shard.tensors {
                let key = ExactName(tensor.name)
                guard found.insert(key).inserted else { throw fault("\(name) and a shard before it both hold it", tensor.name) }
                guard let expected = index.entries[key]?.shard else {
                    throw fault("\(name) holds it, but the index does not name it", tensor.name)
                }
                guard expected == name else { throw fault("the index says that it is in \(expected), but it is in \(name)", tensor.name) }
            }
        }
        if let absent = index.entries.filter({ !found.contains($0.key) }).values.min(by: { $0.tensor < $1.tensor }) {
            throw fault("the index names it, but \(absent.shard) does not hold it", absent.tensor)
        }
    }

    /// The metadata of all shards; the first value of a key is kept.
    private static func merged(_ shards: [any LendingSource], _ warnings: inout [String]) -> Metadata {
        var merged = Metadata()
        for key in merged.merge(shards.lazy.flatMap(\.metadata.entries)) {
            warnings.append("the shards differ in metadata \"\(key)\"; the first shard's value is kept")
        }
        return merged
    }
}
