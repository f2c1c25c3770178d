public import QAMFormat

/// A model in Hugging Face's layout: weights in one file of safetensors or PyTorch or in shards with an index, and beside them
/// configuration, tokenizer and texts, which become `files`.
public struct HuggingFaceFolder: WrappingSource {
    public let files: [any EmbeddedFile]
    public let warnings: [String]
    public let inputs: [String]
    public let fingerprint: String
    /// The model without side files.
    public let base: any TensorSource
    /// The files that hold the weights.
    package let parts: [any LendingSource]

    /// The weights in a folder, in the order in which transformers looks for them.
    package static let weightFiles = [SafetensorsPlan.modelName, SafetensorsPlan.indexName, "pytorch_model.bin", "pytorch_model.bin.index.json"]

    /// Opens a folder, an index, or a single file (without side files). `takingFiles`: with the side files, and warnings about those left
    /// out. Throws `notFound` if the folder has no model, and what the model's reader throws.
    public init(path: String, takingFiles: Bool = true) throws { try self.init(path: path, takingFiles: takingFiles, access: .buffered) }

    /// The same with another way of reading weights.
    package init(path: String, takingFiles: Bool, access: AccessMode) throws {
        switch try FileKind.of(path: path) {
        case .folder:
            try self.init(folder: path, takingFiles: takingFiles, access: access)
        case .shardIndex:
            try self.init(parts: WeightParts(path, access), folder: takingFiles ? Path.folder(of: path) : nil, warnings: [])
        default:
            let name = Path.name(of: path)
            let shard = Self.extensions.lazy.compactMap { ShardName(name, fileExtension: $0) }.first
            let alone = shard.map { "\(name) is one of \($0.count) shards, and only its tensors are taken: give the folder or the index for the whole model" }
            try self.init(parts: WeightParts(path, access), folder: nil, warnings: [alone].compactMap(\.self))
        }
    }

    /// The first of the weight files in a folder, and the others; nil if there is none.
    package static func weights(in folder: String) throws -> (taken: String, others: [String])? {
        let present = try weightFiles.filter { try FileStatus(Path.join(folder, $0)) != nil }
        return present.first.map { ($0, Array(present.dropFirst())) }
    }

    /// The format of the weights.
    package var format: ModelFormat { parts.contains { $0 is PyTorchSource } ? .pytorch : .safetensors }

    public func origin(of tensor: Int) -> Int? { tensor }

    private static let extensions = [SafetensorsPlan.fileExtension, "bin", "pt", "pth"]

    private init(folder: String, takingFiles: Bool, access: AccessMode) throws {
        let names = try Folder.names(in: folder), others = FolderAdvice.models(among: names)
        guard let name = try Self.weights(in: folder)?.taken ?? (others.count == 1 ? others[0] : nil) else {
            let advice = FolderAdvice.text(names: names).map { "; \($0)" } ?? ""
            let usual = [SafetensorsPlan.modelName, SafetensorsPlan.indexName].joined(separator: " nor ")
            throw QAMError(.notFound, "the folder holds neither \(usual), nor PyTorch's pytorch_model.bin or its index\(advice)", at: .init(file: folder))
        }
        try self.init(model: Path.join(folder, name), folder: folder, takingFiles: takingFiles, access: access)
    }

    /// The model in `path`, a file or an index in the folder; `takingFiles`: with the folder's side files.
    package init(model path: String, folder: String, takingFiles: Bool = true, access: AccessMode = .buffered) throws {
        let present = try Self.weights(in: folder), others = present?.taken == Path.name(of: path) ? present?.others ?? [] : []
        let warning = "\(folder): there is also \(others.joined(separator: ", ")); \(Path.name(of: path)) is taken, as transformers does"
        try self.init(
            parts: WeightParts(path, access), folder: takingFiles ? folder : nil, warnings: others.isEmpty ? [] : [warning], besides: Set(others))
    }

    private init(parts: WeightParts, folder: String?, warnings: [String], besides others: Set<String> = []) throws {
        let model = parts.source
        let sideFiles = try folder.map { try SideFiles(in: $0, besides: others.union(model.inputs.map(Path.name(of:)))) }
        let taken = sideFiles?.taken ?? []
        base = model
        self.parts = parts.files
        self.warnings = warnings + model.warnings + (sideFiles?.warnings ?? [])
        files = taken
        inputs = model.inputs + taken.map(\.path)
        fingerprint = ([model.fingerprint] + taken.map { "file \($0.fingerprint)" }).joined(separator: "\n")
    }
}

/// A file of weights, or an index with its shards.
private struct WeightParts {
    let source: any TensorSource
    let files: [any LendingSource]

    init(_ path: String, _ access: AccessMode) throws {
        if try FileKind.of(path: path) == .shardIndex {
            let sharded = try ShardedSource(indexPath: path) { try Self.file($0, access) }
            (source, files) = (sharded, sharded.shards)
        } else {
            let file = try Self.file(path, access)
            (source, files) = (file, [file])
        }
    }

    private static func file(_ path: String, _ access: AccessMode) throws -> any LendingSource {
        try FileKind.of(path: path) == .pytorch ? PyTorchSource(path: path, access: access) : SafetensorsSource(path: path, access: access)
    }
}
