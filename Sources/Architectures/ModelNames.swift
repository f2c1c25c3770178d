public import QAMFormat

/// The names, layouts and metadata that a model's tensors have: Hugging Face's or GGUF's.
public enum ModelNames: String, CaseIterable, Sendable {
    case huggingFace = "hf"
    case gguf

    /// What a source has: GGUF says it in its metadata, Hugging Face by a config.json. Nil where nothing tells. O(files).
    public static func of(_ source: any TensorSource) -> ModelNames? {
        if source.metadata[architectureKey] != nil { return .gguf }
        return source.files.contains { $0.name == ModelConfig.name } ? .huggingFace : nil
    }

    package static let architectureKey = "general.architecture"
}

extension Architecture {
    /// Why a model's architecture is not known.
    package struct Unknown: Error {
        package var reason: String
    }

    /// The architecture that config.json names. Throws `Unknown` or `malformed`.
    package static func of(huggingFace source: any TensorSource) throws -> (Architecture, ModelConfig) {
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
    package static func of(gguf source: any TensorSource) throws -> Architecture {
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
