internal import Converters
internal import QAMFormat

/// A model as the user names it, opened. What it is, its content says.
struct ModelInput {
    enum Format: String {
        case qamw
        case safetensors
    }

    /// The path as it was given.
    let path: String
    let format: Format
    /// The tensors as the file holds them.
    let source: any TensorSource
    /// The reader of a .qamw file.
    let reader: QAMReader?
    /// What the reader of a packed model finds in it.
    let unpacked: UnpackingSource?

    /// Opens a file, an index or a folder. With `takingFiles` the files beside safetensors come along, and a warning says
    /// which do not. Throws `notFound`, `io`, or what is wrong with the content.
    init(path: String, takingFiles: Bool) throws {
        self.path = path
        let file = Self.modelFile(path)
        switch try FileKind.of(path: file) {
        case .qamw:
            let reader = try QAMReader(path: file)
            (format, source, self.reader, unpacked) = (.qamw, reader, reader, nil)
        case .safetensors, .safetensorsIndex, .folder:
            let source = try takingFiles ? HuggingFaceFolder(path: file) : Self.weights(file)
            let unpacked: UnpackingSource?
            do {
                unpacked = try UnpackingSource.isPacked(source) ? UnpackingSource(wrapping: source) : nil
            } catch let error as QAMError {
                throw error.inFile(path)
            }
            (format, self.source, reader, self.unpacked) = (.safetensors, source, nil, unpacked)
        case .gguf:
            throw QAMError(.unsupported, "GGUF is not supported yet", at: .init(file: path))
        case let kind:
            throw kind.refusal?.inFile(path) ?? Self.unknown(path)
        }
    }

    /// The tensors of the model that the file carries: those of a packed one unpacked.
    var model: any TensorSource { unpacked ?? source }

    /// Checks every byte of a .qamw file before it is read for writing: what is written from damaged payloads would get
    /// checksums of its own and look sound.
    func requireSound(threads: Int, quiet: Bool) async throws {
        guard let reader else { return }
        let report = try await ProgressBar.during("Verifying", quiet: quiet) { bar in
            try await reader.verify(threads: threads) { try bar.report($0, of: $1, item: path) }
        }
        if let problem = report.problems.first { throw problem.inFile(path) }
    }

    /// What a .qamw file with this content was or would be written with.
    var containerOptions: ContainerOptions {
        get throws {
            if let reader { return reader.options }
            return try unpacked.map { try ContainerOptions(packed: $0.options) } ?? ContainerOptions()
        }
    }

    /// The bytes of the model's own files, without the files beside them.
    var fileBytes: Int {
        let names = Set(source.files.map(\.name))
        return source.inputs.reduce(0) { sum, path in
            let isSideFile = reader == nil && names.contains(Path.name(of: path))
            return sum + (isSideFile ? 0 : FileStatus(path)?.byteCount ?? 0)
        }
    }

    /// A folder's .qamw file, where that is its only model.
    private static func modelFile(_ path: String) -> String {
        guard FileStatus(path)?.kind == .folder else { return path }
        let others = [SafetensorsPlan.modelName, SafetensorsPlan.indexName].map { Path.join(path, $0) }
        let file = Path.join(path, ModelOutput.qamwName)
        return FileStatus(file) != nil && others.allSatisfy { FileStatus($0) == nil } ? file : path
    }

    /// Safetensors without the files beside them.
    private static func weights(_ path: String) throws -> any TensorSource {
        switch try FileKind.of(path: path) {
        case .folder:
            let files = [SafetensorsPlan.modelName, SafetensorsPlan.indexName].map { Path.join(path, $0) }
            guard let file = files.first(where: { FileStatus($0) != nil }) else { return try HuggingFaceFolder(path: path) }
            return try weights(file)
        case .safetensorsIndex: return try ShardedSafetensorsSource(indexPath: path)
        default: return try SafetensorsSource(path: path)
        }
    }

    private static func unknown(_ path: String) -> QAMError {
        guard path.hasSuffix(".safetensors") else {
            return QAMError(.malformed, "neither a .qamw nor a safetensors file", at: .init(file: path))
        }
        // The content is nothing known, so the name may say at least which rule it breaks.
        do {
            _ = try SafetensorsSource(path: path)
        } catch let error as QAMError {
            return error
        } catch {}
        return QAMError(.malformed, "not a safetensors file", at: .init(file: path))
    }
}
