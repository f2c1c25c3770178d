internal import Converters
internal import Inference
internal import QAMFormat

/// A model that a command runs: its weights, and its shape as its config.json says.
struct TransformerInput {
    let model: Transformer
    /// What opening noticed. Side files do not matter here.
    let warnings: [String]
    /// The files that were opened.
    let paths: [String]

    /// - Parameter exact: coded matrices meet activations of 32 bits instead of eight.
    /// - Throws: `unsupported` for a model that is of no known family, `malformed` where its configuration and its tensors do not
    ///   fit, and what opening throws.
    init(path: String, exact: Bool) throws {
        let input = try ModelInput(path: path, takingFiles: false, access: .mapped)
        var warnings = input.model.warnings
        do {
            let weights: ModelWeights, files: [any EmbeddedFile]
            if let reader = input.reader, ModelNames.of(reader) != .gguf {
                (weights, files) = (.mapped(reader, exact: exact), reader.files)
            } else {
                if let reader = input.reader, reader.tensors.contains(where: { if case .coded = $0.storage { true } else { false } }) {
                    warnings.append(
                        "\(path): its tensors have GGUF's names, so they are decoded by rows each time; "
                            + "quantized from what \"qamw convert --names hf\" makes of the GGUF they are multiplied from the mapping")
                }
                let decoded = try DequantizingSource(input.model, to: .dtype(.f32))
                let named = try ModelNames.huggingFace.applied(to: decoded, strict: ModelNames.of(decoded) == .gguf)
                (weights, files) = (.source(named), named.files)
            }
            guard let config = try ModelConfig(files) ?? Self.configuration(beside: path) else {
                throw QAMError(.malformed, "there is no \(ModelConfig.name), in the file or beside it, to say how the model is built")
            }
            model = try Transformer(try TransformerConfiguration(config), weights: weights)
        } catch let error as QAMError {
            throw error.inFile(path)
        }
        self.warnings = warnings
        paths = input.model.inputs
    }

    private static func configuration(beside path: String) throws -> ModelConfig? {
        let folder = FileStatus(path)?.kind == .folder ? path : Path.folder(of: path)
        let file = Path.join(folder, ModelConfig.name)
        return FileStatus(file)?.kind == .file ? try ModelConfig([DiskFile(path: file)]) : nil
    }
}
