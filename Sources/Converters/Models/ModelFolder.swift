import QAMFormat

/// Finds the model in a folder.
struct ModelFolder {
    let path: String

    /// The file that opens the model; nil if there is none, or several of which none has the usual name. In this order: `model.safetensors`, its
    /// index, `model.qamw`, `model.gguf` or sets of these, `pytorch_model.bin`, its index; else the only model, whatever its name. Throws `malformed` for several sets of the usual
    /// name, and `io`.
    func modelFile() throws -> String? {
        let usual = [SafetensorsPlan.modelName, SafetensorsPlan.indexName].map { Path.join(path, $0) }
        if let file = try usual.first(where: { try FileStatus($0) != nil }) { return file }
        for format in [ModelFormat.qamw, .gguf] {
            if let file = try ShardPaths.modelFile(in: path, fileExtension: format.rawValue) { return file }
        }
        if let file = try HuggingFaceFolder.weights(in: path)?.taken { return Path.join(path, file) }
        let candidates = try candidates(Folder.names(in: path))
        return candidates.count == 1 ? Path.join(path, candidates[0]) : nil
    }

    /// Files that may be the folder's model under another name.
    private func candidates(_ names: [String]) throws -> [String] {
        var gguf = ShardPaths.openers(among: names, fileExtension: ModelFormat.gguf.rawValue)
        // Image encoders, adapters and imatrices lie beside models.
        if gguf.count > 1 { gguf = try gguf.filter { try Self.isModel(Path.join(path, $0)) } }
        return FolderAdvice.models(among: names) + ShardPaths.openers(among: names, fileExtension: ModelFormat.qamw.rawValue) + gguf
    }

    private static func isModel(_ path: String) throws -> Bool {
        guard case .gguf = try FileKind.of(path: path), let file = try? GGUFSource(path: path) else { return true }
        return ModelKind.of(file) == .model
    }

    /// The error for a folder without a model.
    func refusal() throws -> QAMError {
        let names = try Folder.names(in: path)
        let files = [ModelFormat.gguf, .qamw].flatMap { ShardPaths.openers(among: names, fileExtension: $0.rawValue) }.sorted()
        let others = files.isEmpty ? nil : "name its file: \(Format.list(files))"
        let advice = (HubCache.advice(names: names) ?? others ?? FolderAdvice.text(names: names)).map { "; \($0)" } ?? ""
        return QAMError(
            .notFound,
            "the folder holds no model.safetensors or pytorch_model.bin, nor an index of them, nor model.gguf or model.qamw\(advice)", at: .init(file: path))
    }
}
