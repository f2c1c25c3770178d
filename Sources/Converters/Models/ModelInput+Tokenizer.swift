internal import QAMFormat

extension ModelTokenizer {
    /// The tokenizer of a model: in its file, else beside it; also that of a folder without weights, and a tokenizer.json by itself.
    ///
    /// Throws `notFound` if there is none, and the errors of the formats' readers.
    package static func of(path: String) throws -> ModelTokenizer {
        let location = try HubCache.resolved(path)
        let isFolder = try FileStatus(location)?.kind == .folder
        do {
            if Path.name(of: location) == TokenizerFiles.Name.tokenizer.rawValue, let found = try beside(location) { return found }
            if isFolder, try ModelFolder(path: location).modelFile() == nil, let found = try beside(Path.join(location, "")) { return found }
            let input = try ModelInput(path: path, takingFiles: false)
            let source = input.stored
            if let found = try ModelTokenizer(files: source.files) ?? ModelTokenizer(metadata: source.metadata) { return found }
            if let found = try beside(isFolder ? Path.join(location, "") : location) { return found }
        } catch let error as QAMError {
            throw error.inFile(path)
        }
        throw QAMError(.notFound, "there is no tokenizer, in the model or beside it; give tokens instead", at: .init(file: path))
    }

    /// The tokenizer in the folder of a file.
    private static func beside(_ path: String) throws -> ModelTokenizer? {
        let folder = Path.folder(of: path)
        let files = try TokenizerFiles.Name.allCases.map { Path.join(folder, $0.rawValue) }.filter { try FileStatus($0)?.kind == .file }
        return try ModelTokenizer(files: files.map(DiskFile.init(path:)))
    }
}
