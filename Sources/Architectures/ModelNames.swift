package import QAMFormat

/// The conventions for a model's tensor names, layouts and metadata: Hugging Face's or GGUF's.
package enum ModelNames: String, CaseIterable, Sendable {
    case huggingFace = "hf"
    case gguf

    /// The convention of a source: GGUF by its metadata, Hugging Face by a config.json. Nil if neither is found. O(files).
    package static func of(_ source: any TensorSource) -> ModelNames? {
        if source.metadata[architectureKey] != nil { return .gguf }
        return source.files.contains { $0.name == ModelConfig.name } ? .huggingFace : nil
    }

    package static let architectureKey = "general.architecture"
}

extension Architecture {
    /// Why an architecture is unknown or not supported.
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
        guard all.contains(where: { $0.gguf == name }) else {
            throw Unknown(reason: "the architecture \"\(name)\" is not known; known are \(Set(all.map(\.gguf)).sorted().joined(separator: ", "))")
        }
        let expertsKey = "\(name).expert_count"
        let hasExperts = try source.metadata[expertsKey].map { try $0.count(key: expertsKey) > 0 } ?? false
        let candidates = all.filter { $0.gguf == name && $0.hasExperts == hasExperts }
        guard let first = candidates.first else {
            throw Unknown(reason: "models of the architecture \"\(name)\" \(hasExperts ? "with" : "without") experts are not known")
        }
        let furtherKey = "\(name).nextn_predict_layers"
        if let further = source.metadata[furtherKey], try further.count(key: furtherKey) > 0 {
            throw Unknown(reason: "models of the architecture \"\(name)\" with layers that predict further tokens (\(furtherKey)) are not known")
        }
        if let type = source.metadata[OriginKeys.modelType]?.string {
            return candidates.first { $0.modelTypes.contains(type) } ?? first
        }
        for candidate in candidates {
            guard let mark = candidate.mark.map({ "\(name).\($0)" }), let value = source.metadata[mark], try value.count(key: mark) > 0 else { continue }
            return candidate
        }
        // Other converters to `llama` keep only the model's name.
        let hints = ["general.basename", "general.name"].compactMap { source.metadata[$0]?.string?.lowercased() }
        return candidates.dropFirst().first { candidate in candidate.mark == nil && hints.contains { $0.contains(candidate.modelTypes[0]) } } ?? first
    }
}
