public import QAMFormat

/// A checkpoint in several safetensors files with an index. Tensors are sorted by their shards' names, and within a shard are in the order
/// of their payloads.
public struct ShardedSafetensorsSource: LendingSource {
    public let metadata: Metadata
    public let tensors: [TensorDescriptor]
    public let warnings: [String]
    public let inputs: [String]
    public let fingerprint: String
    private let shards: [SafetensorsSource]
    /// The index of each shard's first tensor, followed by the total number of tensors.
    private let starts: [Int]

    /// Opens the index and all shards. Throws `notFound` if shards are missing and `malformed` if index and shards contradict each other.
    /// O(n log n) for n tensors; keeps one file open per shard.
    public init(indexPath: String) throws {
        let file = try FileBytes(path: indexPath)
        let index = try SafetensorsIndex(reading: file)
        let shards = try Self.open(index.shards, folder: Path.folder(of: indexPath), indexPath: indexPath)
        var tensors: [TensorDescriptor] = []
        var starts = [0]
        for shard in shards {
            tensors.append(contentsOf: shard.tensors)
            starts.append(tensors.count)
        }
        try Self.check(index, against: shards, indexPath: indexPath)
        do { try TensorTotals.check(tensors) } catch let error as QAMError { throw error.inFile(indexPath) }

        var warnings = shards.flatMap(\.warnings)
        let byteCount = tensors.reduce(0) { $0 + $1.byteCount }
        if let totalSize = index.totalSize, totalSize != byteCount {
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

    private static func open(_ names: [String], folder: String, indexPath: String) throws -> [SafetensorsSource] {
        let missing = try names.filter { try FileStatus(Path.join(folder, $0))?.kind != .file }
        guard missing.isEmpty else {
            throw QAMError(.malformed, "\(missing.count) of \(names.count) shards are missing: \(Format.list(missing))", at: .init(file: indexPath))
        }
        return try names.map { try SafetensorsSource(path: Path.join(folder, $0)) }
    }

    /// Index and shards must contain the same tensors, each in one shard.
    private static func check(_ index: SafetensorsIndex, against shards: [SafetensorsSource], indexPath: String) throws {
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
    private static func merged(_ shards: [SafetensorsSource], _ warnings: inout [String]) -> Metadata {
        var merged = Metadata()
        var conflicts: Set<String> = []
        for entry in shards.lazy.flatMap(\.metadata.entries) {
            if let first = merged[entry.key] {
                if first != entry.value { conflicts.insert(entry.key) }
            } else {
                merged.set(entry.key, entry.value)
            }
        }
        for key in conflicts.sorted() { warnings.append("the shards differ in metadata \"\(key)\"; the first shard's value is kept") }
        return merged
    }
}
