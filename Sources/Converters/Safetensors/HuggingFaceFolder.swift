public import QAMFormat

/// A model in Hugging Face's layout: weights in one safetensors file or in shards with an index, and beside them configuration, tokenizer
/// and texts, which become `files`.
public struct HuggingFaceFolder: WrappingSource {
    public let files: [any EmbeddedFile]
    public let warnings: [String]
    public let inputs: [String]
    public let fingerprint: String
    /// The model without side files.
    public let base: any TensorSource

    /// Opens a folder, an index, or a single file (without side files). Throws `notFound` if the folder has no model, and what the model's
    /// reader throws.
    public init(path: String) throws {
        switch try FileKind.of(path: path) {
        case .folder:
            try self.init(folder: path)
        case .safetensorsIndex:
            let model = try ShardedSafetensorsSource(indexPath: path)
            try self.init(model: model, folder: Path.folder(of: path), warnings: [])
        default:
            let model = try SafetensorsSource(path: path)
            let alone = ShardName(Path.name(of: path), fileExtension: SafetensorsPlan.fileExtension).map { shard in
                "\(Path.name(of: path)) is one of \(shard.count) shards, and only its tensors are taken: give the folder or the index for the whole model"
            }
            self.init(model: model, sideFiles: [], warnings: model.warnings + [alone].compactMap(\.self))
        }
    }

    public func origin(of tensor: Int) -> Int? { tensor }

    /// A single file takes precedence over an index, as in transformers.
    private init(folder: String) throws {
        let usual = [SafetensorsPlan.modelName, SafetensorsPlan.indexName].map { Path.join(folder, $0) }
        let others = try FolderAdvice.models(among: Folder.names(in: folder))
        guard let model = try usual.first(where: { try FileStatus($0) != nil }) ?? (others.count == 1 ? Path.join(folder, others[0]) : nil) else {
            let advice = FolderAdvice.text(names: try Folder.names(in: folder)).map { "; \($0)" } ?? ""
            throw QAMError(
                .notFound, "the folder holds neither \(SafetensorsPlan.modelName) nor \(SafetensorsPlan.indexName)\(advice)", at: .init(file: folder))
        }
        try self.init(model: model, folder: folder)
    }

    /// The model in `path`, a file or an index in the folder, with the folder's side files.
    package init(model path: String, folder: String) throws {
        if case .safetensorsIndex = try FileKind.of(path: path) {
            try self.init(model: try ShardedSafetensorsSource(indexPath: path), folder: folder, warnings: [])
        } else {
            let hasIndex = try Path.name(of: path) == SafetensorsPlan.modelName && FileStatus(Path.join(folder, SafetensorsPlan.indexName)) != nil
            let warning = "\(folder): there is also an index of shards; \(SafetensorsPlan.modelName) is taken, as transformers does"
            try self.init(model: try SafetensorsSource(path: path), folder: folder, warnings: hasIndex ? [warning] : [])
        }
    }

    private init(model: any TensorSource, folder: String, warnings: [String]) throws {
        let sideFiles = try SideFiles(in: folder, besides: Set(model.inputs.map(Path.name(of:))))
        self.init(model: model, sideFiles: sideFiles.taken, warnings: warnings + model.warnings + sideFiles.warnings)
    }

    private init(model: any TensorSource, sideFiles: [DiskFile], warnings: [String]) {
        base = model
        self.warnings = warnings
        files = sideFiles
        inputs = model.inputs + sideFiles.map(\.path)
        fingerprint = ([model.fingerprint] + sideFiles.map { "file \($0.fingerprint)" }).joined(separator: "\n")
    }
}
