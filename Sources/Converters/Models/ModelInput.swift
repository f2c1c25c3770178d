import Architectures
package import QAMFormat

/// A model opened by path. Its format is determined by its content.
package struct ModelInput: Sendable {
    /// The path as given by the user.
    package let path: String
    /// The file or folder that it stands for, such as a snapshot in a cache.
    package let location: String
    package let format: ModelFormat
    /// The tensors as stored in the file, for inspection.
    package let source: any TensorSource
    /// The reader if it is a .qamw file.
    package let reader: QAMReader?
    /// The reader if it is GGUF.
    package let gguf: GGUFModel?
    /// The files if they are PyTorch's.
    package let pytorch: [PyTorchSource]
    /// The adapter if it is no model, but changes to one.
    package let adapter: LoRAAdapter?
    /// The unpacked model if it is packed.
    package let unpacked: UnpackingSource?
    /// The model's tensors, unpacked if the model is packed, in stored form: for copying without interpreting the numbers. All other uses
    /// take `weights`. Names are the model's own, without those of PyTorch's wrappers.
    package internal(set) var stored: any TensorSource
    private let detection = SchemeDetection()

    /// Opens a file, an index, a folder, or a model in the Hub's cache. With `takingFiles`, includes the side files of a folder's model, and warns about
    /// those left out. `access` applies to the weights. Throws `notFound`, `io`, or the errors of the format's reader.
    package init(path: String, takingFiles: Bool, access: AccessMode = .buffered) throws {
        self.path = path
        location = try HubCache.resolved(path)
        let isFolder = try FileStatus(location)?.kind == .folder
        let isAdapter = try isFolder && AdapterFolder.isAdapter(location) && HuggingFaceFolder.weights(in: location) == nil
        let file = try isAdapter ? location : Self.modelFile(location)
        let folder = isFolder && takingFiles ? location : nil
        var reader: QAMReader?, gguf: GGUFModel?, pytorch: [PyTorchSource] = [], adapter: LoRAAdapter?
        switch try FileKind.of(path: file) {
        case .qamw:
            let model = try QAMReader(path: file, access: access)
            (format, source, reader) = (.qamw, model, model)
        case .gguf:
            let model = try GGUFModel(model: file, folder: folder, access: access)
            (format, source, gguf) = (.gguf, model, model)
        case .folder:
            let model = try AdapterFolder(file)
            (format, source, adapter) = (model.weights.format, model.weights, model.adapter)
            pytorch = model.weights.parts.compactMap { $0 as? PyTorchSource }
        case .safetensors, .pytorch, .shardIndex:
            let model =
                if let folder { try HuggingFaceFolder(model: file, folder: folder, access: access) } else {
                    try HuggingFaceFolder(path: file, takingFiles: takingFiles, access: access)
                }
            (format, source) = (model.format, model)
            pytorch = model.parts.compactMap { $0 as? PyTorchSource }
        case let kind:
            throw kind.refusal?.inFile(path) ?? Self.unknown(isFolder ? file : path)
        }
        (self.reader, self.gguf, self.pytorch, self.adapter) = (reader, gguf, pytorch, adapter)
        unpacked = reader == nil && pytorch.isEmpty ? try Self.unpacked(source, path) : nil
        stored = unpacked ?? ([.safetensors, .pytorch].contains(format) ? WrapperNames.removed(from: source) : source)
    }

    private static func unpacked(_ source: any TensorSource, _ path: String) throws -> UnpackingSource? {
        do {
            return try UnpackingSource.isPacked(source) ? UnpackingSource(wrapping: source) : nil
        } catch let error as QAMError {
            throw error.inFile(path)
        }
    }

    /// The version of the file's format, if it has one.
    package var version: String? { reader.map { "\($0.version.major).\($0.version.minor)" } ?? gguf?.version }

    /// The model's weights, for computing or for changing types, names or layouts.
    package struct Weights: Sendable {
        package let source: any TensorSource
        /// The reader if it is a .qamw file, for multiplying directly from the mapped file.
        package let reader: QAMReader?
    }

    /// Plain weights. A checkpoint that another tool quantized is dequantized as it is read, with a warning.
    ///
    /// - Parameter toQuantize: whether the weights will be quantized, for the warning.
    /// - Throws: `unsupported` with the method's name if such a checkpoint cannot be dequantized, and what `DequantizedCheckpoint` throws.
    package func weights(toQuantize: Bool = false) throws -> Weights {
        if let adapter { throw adapter.refusal.inFile(path) }
        if LoRAAdapter.isAdapter(stored.tensors) { throw LoRAAdapter.refusal(of: nil).inFile(path) }
        if let refusal = ModelKind.of(stored).refusal { throw refusal.inFile(path) }
        guard let scheme = try quantization() else { return Weights(source: stored, reader: reader) }
        let advice = toQuantize ? ": it is quantized a second time, and the original checkpoint gives better quality" : ""
        do {
            let plain = try DequantizedCheckpoint(stored, scheme, beside: configurations.map(DiskFile.init(path:)), advice: advice)
            return Weights(source: plain, reader: nil)
        } catch let error as QAMError {
            throw error.inFile(path)
        }
    }

    /// Whether `weights` dequantizes what another tool quantized.
    package func isDequantized() throws -> Bool { try quantization()?.isReadable == true && ModelNames.of(stored) != .gguf }

    /// The scheme by which another tool quantized the checkpoint; nil if its tensors are weights. For single files and indexes, reads the
    /// configuration beside them.
    package func quantization() throws -> QuantizationScheme? {
        do {
            return try detection.scheme { try QuantizationScheme.detect(in: stored, beside: configurations.map(DiskFile.init(path:))) }
        } catch let error as QAMError {
            throw error.inFile(path)
        }
    }

    /// The files beside weights in Hugging Face's layout that describe the quantization scheme.
    package var configurations: [String] {
        get throws {
            guard [.safetensors, .pytorch].contains(format), unpacked == nil else { return [] }
            let folder = try FileStatus(location)?.kind == .folder ? location : Path.folder(of: location)
            return try QuantizationScheme.fileNames.map { Path.join(folder, $0) }.filter { try FileStatus($0)?.kind == .file }
        }
    }

    /// Verifies a .qamw file before it is converted: otherwise damaged payloads would get new valid checksums. `monitor` receives the bytes
    /// done and the total; if it throws, the verification stops.
    package func requireSound(threads: Int, monitor: (Int, Int) throws -> Void = { _, _ in }) async throws {
        guard let reader else { return }
        let report = try await reader.verify(threads: threads, monitor: monitor)
        if let problem = report.problems.first { throw problem.inFile(path) }
    }

    /// The options that a .qamw file with this content was or would be written with.
    package var containerOptions: ContainerOptions {
        get throws {
            if let reader { return reader.options }
            return try unpacked.map { try ContainerOptions(packed: $0.options) } ?? ContainerOptions()
        }
    }

    /// The size of the model's own files, without side files.
    package var fileBytes: Int {
        let sideFiles = Set(source.files.compactMap { ($0 as? DiskFile)?.path })
        return source.inputs.reduce(0) { sum, path in
            let isSideFile = reader == nil && sideFiles.contains(path)
            let (more, overflow) = sum.addingReportingOverflow(isSideFile ? 0 : (try? FileStatus(path))?.byteCount ?? 0)
            return overflow ? .max : more
        }
    }

    /// The file that opens the model: of a folder, that of the model in it.
    package static func modelFile(_ path: String) throws -> String {
        guard try FileStatus(path)?.kind == .folder else { return path }
        let folder = ModelFolder(path: path)
        guard let file = try folder.modelFile() else { throw try folder.refusal() }
        return file
    }

    private static func unknown(_ path: String) -> QAMError {
        // The content is not recognised: report which rule of the format implied by the name it violates.
        do {
            switch true {
            case path.hasSuffix(".safetensors"): _ = try SafetensorsSource(path: path)
            case path.hasSuffix(".gguf"): _ = try GGUFSource(path: path)
            default: break
            }
        } catch let error as QAMError {
            return error
        } catch {}
        let isTokens = [".u16", ".u32", ".tokens"].contains(where: path.hasSuffix)
        return QAMError(
            .malformed, isTokens ? "by its name a file of token ids, not a model" : "neither a .qamw nor a GGUF nor a safetensors nor a PyTorch file",
            at: .init(file: path))
    }
}
