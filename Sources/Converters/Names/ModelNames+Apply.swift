internal import Architectures
package import QAMFormat

/// Converts between the names, layouts and metadata of Hugging Face and GGUF, for the architectures in `Architecture.all`.
extension ModelNames {
    /// The source with these names; returned unchanged if it has them already. A model of an unknown architecture keeps its names with a
    /// warning, or with `strict` is an error.
    ///
    /// - Parameters:
    ///   - pre: the pre-tokenizer's name in GGUF, if the tokenizer does not determine it.
    ///   - carryingFiles: whether to keep files whose content becomes metadata.
    /// - Throws: `unsupported` with `strict` for unknown architectures; for configurations that GGUF cannot represent, and for tensors that
    ///   GGUF loaders do not support; `malformed` for wrong or missing values, with file and key, and for tensors that are missing or do not
    ///   match the configuration. Reads config.json, the tokenizer and one-dimensional tensors.
    package func applied(to source: any TensorSource, strict: Bool, pre: String? = nil, carryingFiles: Bool = true) throws -> any TensorSource {
        let present = Self.of(source)
        // Neither side is GGUF: nothing to rename.
        guard present != self, strict || self == .gguf || present == .gguf else { return source }
        do {
            switch self {
            case .gguf:
                _ = try Architecture.of(huggingFace: source)
                let text = try TextModel.reduced(source)
                let (architecture, config) = try Architecture.of(huggingFace: text)
                let whole = TextModel.withPrefix(text, architecture)
                let namePrefix = whole == nil ? TextModel.prefixOfBaseModel(source) : ""
                return try HuggingFaceToGGUF(architecture, config, namePrefix: namePrefix, pre: pre, carryingFiles: carryingFiles).source(whole ?? text)
            case .huggingFace:
                return try GGUFToHuggingFace(Architecture.of(gguf: source), strict: strict).source(source)
            }
        } catch let unknown as Architecture.Unknown {
            guard !strict else { throw QAMError(.unsupported, "the tensors cannot be renamed: \(unknown.reason)") }
            return SelectingSource(source, warnings: ["the tensors keep their names: \(unknown.reason)"])
        }
    }
}

extension SelectingSource {
    /// The same source with additional warnings.
    package init(_ base: any TensorSource, warnings: [String]) {
        let items = base.tensors.enumerated().map { Item($1, .base($0)) }
        self.init(base, items: items, metadata: base.metadata, files: base.files, warnings: warnings)
    }
}
