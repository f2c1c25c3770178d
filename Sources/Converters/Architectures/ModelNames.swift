public import QAMFormat

/// The names, layouts and metadata that a model's tensors have: Hugging Face's or GGUF's. Converts from one to the other for the
/// architectures in `Architecture.all`.
public enum ModelNames: String, CaseIterable, Sendable {
    case huggingFace = "hf"
    case gguf

    /// What a source has: GGUF says it in its metadata, Hugging Face by a config.json. Nil where nothing tells. O(files).
    public static func of(_ source: any TensorSource) -> ModelNames? {
        if source.metadata[architectureKey] != nil { return .gguf }
        return source.files.contains { $0.name == ModelConfig.name } ? .huggingFace : nil
    }

    static let architectureKey = "general.architecture"

    /// The source with these names. One that has them already is given back as it is. A model of an architecture that is not known keeps its
    /// names, which a warning says, or with `strict` is an error.
    ///
    /// - Parameters:
    ///   - pre: the pre-tokenizer's name in GGUF, where the tokenizer does not tell it.
    ///   - carryingFiles: whether files whose content becomes metadata come along too.
    /// - Throws: `unsupported` with `strict` for unknown architectures; for configurations that GGUF cannot say, and for tensors that loaders of
    ///   GGUF do not know; `malformed` for wrong or missing values, by file and key, and for tensors that are missing or of another shape than
    ///   the configuration asks for. Reads config.json, the tokenizer and one-dimensional tensors.
    public func applied(to source: any TensorSource, strict: Bool, pre: String? = nil, carryingFiles: Bool = true) throws -> any TensorSource {
        let present = Self.of(source)
        // Without a sign of GGUF there is nothing to rename.
        guard present != self, strict || self == .gguf || present == .gguf else { return source }
        do {
            switch self {
            case .gguf:
                let (architecture, config) = try Architecture.of(huggingFace: source)
                return try HuggingFaceToGGUF(architecture, config, pre: pre, carryingFiles: carryingFiles).source(source)
            case .huggingFace:
                return try GGUFToHuggingFace(Architecture.of(gguf: source), strict: strict).source(source)
            }
        } catch let unknown as Architecture.Unknown {
            guard !strict else { throw QAMError(.unsupported, "the tensors cannot be renamed: \(unknown.reason)") }
            return SelectingSource(source, warnings: ["the tensors keep their names: \(unknown.reason)"])
        }
    }
}

extension Architecture {
    /// Why a model's architecture is not known.
    struct Unknown: Error {
        var reason: String
    }

    /// The architecture that config.json names. Throws `Unknown` or `malformed`.
    static func of(huggingFace source: any TensorSource) throws -> (Architecture, ModelConfig) {
        guard let config = try ModelConfig(source.files) else {
            throw Unknown(reason: "there is no \(ModelConfig.name) that tells the architecture; give the model's folder")
        }
        guard let type = try config.text("model_type") else { throw Unknown(reason: "\(ModelConfig.name) has no \"model_type\"") }
        guard let architecture = all.first(where: { $0.modelTypes.contains(type) }) else {
            throw Unknown(reason: "the architecture \"\(type)\" is not known; known are \(all.map { $0.modelTypes[0] }.joined(separator: ", "))")
        }
        return (architecture, config)
    }

    /// The architecture that GGUF's metadata name. Throws `Unknown`.
    static func of(gguf source: any TensorSource) throws -> Architecture {
        guard let name = source.metadata[ModelNames.architectureKey]?.string else {
            throw Unknown(reason: "the metadata have no \"\(ModelNames.architectureKey)\"")
        }
        let candidates = all.filter { $0.gguf == name }
        guard let first = candidates.first else {
            throw Unknown(reason: "the architecture \"\(name)\" is not known; known are \(Set(all.map(\.gguf)).sorted().joined(separator: ", "))")
        }
        if let experts = source.metadata["\(name).expert_count"], try experts.count(key: "\(name).expert_count") > 0 {
            throw Unknown(reason: "models of the architecture \"\(name)\" with experts are not known")
        }
        if let type = source.metadata[OriginKeys.modelType]?.string {
            return candidates.first { $0.modelTypes.contains(type) } ?? first
        }
        // What peers leave of a model that has become a llama is its name.
        let hints = ["general.basename", "general.name"].compactMap { source.metadata[$0]?.string?.lowercased() }
        return candidates.dropFirst().first { candidate in hints.contains { $0.contains(candidate.modelTypes[0]) } } ?? first
    }
}

extension SelectingSource {
    /// The same tensors with more warnings.
    init(_ base: any TensorSource, warnings: [String]) {
        let items = base.tensors.enumerated().map { Item($1, .base($0)) }
        self.init(base, items: items, metadata: base.metadata, files: base.files, warnings: warnings)
    }
}
