internal import Architectures
internal import Converters
package import Inference
package import QAMFormat

/// A model in a file or folder that is run: its weights, and its shape as its config.json says.
package struct TransformerInput {
    package let model: Transformer
    /// The number of weights of the file's tensors.
    package let weightCount: Int
    /// What opening noticed. Side files do not matter here.
    package let warnings: [String]
    /// The files that were read.
    package let paths: [String]
    /// The longest text, in tokens, that the model was trained on; nil if its configuration does not say it.
    package let trainedContext: Int?

    /// - Parameters:
    ///   - exact: coded matrices meet activations of 32 bits instead of eight.
    ///   - access: how weights are read; mapped files must not change meanwhile.
    /// - Throws: `unsupported` for a model that is of no known family, `malformed` where its configuration and its tensors do not
    ///   fit, and what opening throws.
    package init(path: String, exact: Bool, access: AccessMode = .mapped) throws {
        let input = try ModelInput(path: path, takingFiles: false, access: access)
        let stored = try input.weights()
        do {
            let weights: ModelWeights, whole: any TensorSource, named: any TensorSource
            if let reader = stored.reader, ModelNames.of(reader) != .gguf {
                whole = reader
                named = try TextModel.reduced(whole)
                weights = .textModel(reader, exact: exact)
            } else {
                let decoded = try DequantizingSource(stored.source, to: .dtype(.f32))
                whole = try ModelNames.huggingFace.applied(to: decoded, strict: ModelNames.of(decoded) == .gguf)
                named = try TextModel.reduced(whole)
                weights = try stored.reader.flatMap { try ModelWeights.renamed($0, exact: exact) } ?? .source(named)
            }
            let (files, tensors) = (named.files, named.tensors)
            let beside = try Self.configuration(beside: input.location)
            guard let config = try ModelConfig(files) ?? beside.map({ try ModelConfig([$0]) }) ?? nil else {
                throw QAMError(.malformed, "there is no \(ModelConfig.name), in the file or its folder, which describes the model")
            }
            trainedContext = try config["max_position_embeddings"].map { Int(try config.count($0, key: "max_position_embeddings")) }
            let shape = try TransformerConfiguration.shape(config)
            let surplus = try shape.check(tensors, named: .huggingFace, for: .huggingFace)
            weightCount = ModelSize(stored.source).parameters
            paths = stored.source.inputs + (beside.map { [$0.path] } ?? [])
            model = try Transformer(try TransformerConfiguration(shape), weights: weights)
            let unused =
                surplus.unknown.isEmpty ? [] : ["\(ModelShape.Surplus.listed(surplus.unknown)): not used by the model's configuration"]
            warnings = stored.source.warnings + named.warnings.dropFirst(whole.warnings.count) + surplus.warnings + unused
        } catch let error as QAMError {
            throw error.inFile(path)
        }
    }

    /// The configuration in a folder, or in that of a file.
    private static func configuration(beside path: String) throws -> DiskFile? {
        let folder = try FileStatus(path)?.kind == .folder ? path : Path.folder(of: path)
        let file = Path.join(folder, ModelConfig.name)
        return try FileStatus(file)?.kind == .file ? DiskFile(path: file) : nil
    }
}
