package import QAMFormat

/// A model in several GGUF files, named as in llama.cpp. Tensors are in the order of the files.
package struct SplitGGUFSource: LendingSource {
    /// The merged metadata of all files, without those that define a file's place in the set. In most sets the first file has all.
    package let metadata: Metadata
    package let tensors: [TensorDescriptor]
    package let warnings: [String]
    package let inputs: [String]
    package let fingerprint: String
    package let shards: [GGUFSource]
    /// The index of each shard's first tensor, followed by the total number of tensors.
    private let starts: [Int]

    /// Opens all files of a set, given the first. Throws `malformed` if files are missing, contradict each other or contain a tensor twice.
    /// Keeps one file open per shard.
    init(first: GGUFSource, split: GGUFSplit, access: AccessMode) throws {
        let path = first.inputs[0]
        let shards = try Self.open(first, split, path: path, access)
        var tensors: [TensorDescriptor] = []
        var starts = [0]
        for shard in shards {
            tensors.append(contentsOf: shard.tensors)
            starts.append(tensors.count)
        }
        try Self.check(shards, split, tensorCount: tensors.count)
        do { try TensorTotals.check(tensors) } catch let error as QAMError { throw error.inFile(path) }
        var warnings = shards.flatMap { shard in
            shard.warnings.map { "\(Path.name(of: shard.inputs[0])): \($0)" }
        }
        metadata = Self.merged(shards, &warnings)
        self.warnings = warnings
        self.tensors = tensors
        self.shards = shards
        self.starts = starts
        inputs = shards.flatMap(\.inputs)
        fingerprint = (["split"] + shards.map(\.fingerprint)).joined(separator: "\n")
    }

    /// The shard that holds a tensor, and the tensor's index in it.
    package func place(of tensor: Int) -> (shard: Int, tensor: Int) {
        let shard = (starts.firstIndex { $0 > tensor } ?? 1) - 1
        return (shard, tensor - starts[shard])
    }

    package func withBytes<Result>(_ range: Range<Int>, ofStream stream: Int, of tensor: Int, _ body: (RawSpan) throws -> Result) throws -> Result {
        let place = place(of: tensor)
        return try shards[place.shard].withBytes(range, ofStream: stream, of: place.tensor, body)
    }

    private static func open(_ first: GGUFSource, _ split: GGUFSplit, path: String, _ access: AccessMode) throws -> [GGUFSource] {
        guard split.number == 0 else {
            throw QAMError(
                .malformed, "this is file \(split.number + 1) of a set of \(split.count); name the first one", at: .init(file: path, section: "metadata"))
        }
        let others = try ShardName.others(first: path, count: split.count, fileExtension: GGUFSplit.fileExtension, section: "metadata")
        return [first] + (try others.map { try GGUFSource(path: $0, access: access) })
    }

    private static func check(_ shards: [GGUFSource], _ split: GGUFSplit, tensorCount: Int) throws {
        func fault(_ shard: GGUFSource, _ message: String, tensor: String? = nil) -> QAMError {
            QAMError(.malformed, message, at: .init(file: shard.inputs[0], section: tensor == nil ? "metadata" : "tensors", tensor: tensor))
        }
        var names: Set<ExactName> = []
        for (number, shard) in shards.enumerated() {
            let found: GGUFSplit?
            do { found = try GGUFSplit(shard.metadata) } catch let error as QAMError { throw error.inFile(shard.inputs[0]) }
            guard let found, found.count == split.count else {
                throw fault(shard, "the first file says that the set has \(split.count) files, this one \(found?.count ?? 1)")
            }
            guard found.number == number else {
                throw fault(shard, "by its name it is file \(number + 1) of the set, but \"\(GGUFSplit.numberKey)\" says \(found.number + 1)")
            }
            guard found.tensorCount == split.tensorCount || number > 0 && found.tensorCount == nil else {
                throw fault(shard, "the files of the set differ in \"\(GGUFSplit.tensorCountKey)\"")
            }
            for tensor in shard.tensors where !names.insert(ExactName(tensor.name)).inserted {
                throw fault(shard, "a file of the set before this one holds it too", tensor: tensor.name)
            }
        }
        if let said = split.tensorCount, said != tensorCount {
            throw fault(shards[0], "\"\(GGUFSplit.tensorCountKey)\" is \(said), but the files hold \(tensorCount) tensors")
        }
    }

    /// The metadata of all files; the first value of a key is kept.
    private static func merged(_ shards: [GGUFSource], _ warnings: inout [String]) -> Metadata {
        var merged = shards[0].metadata
        for key in GGUFSplit.keys { merged.remove(key) }
        for key in merged.merge(shards.dropFirst().lazy.flatMap(\.metadata.entries).filter { !GGUFSplit.keys.contains($0.key) }) {
            warnings.append("the files of the set differ in metadata \"\(key)\"; the first file's value is kept")
        }
        return merged
    }
}
