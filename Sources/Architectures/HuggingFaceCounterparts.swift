public import QAMFormat

/// What the tensors of a model with GGUF's names are in Hugging Face's: their names there, and what else differs. Of the metadata it needs
/// the architecture and the numbers of heads, and nothing else.
public struct HuggingFaceCounterparts: Sendable {
    /// What is known of a tensor.
    public struct Counterpart: Hashable, Sendable {
        public let name: String
        public let difference: Difference
    }

    public enum Difference: Hashable, Sendable {
        /// The elements are the same, in the same order.
        case none
        /// GGUF has the rows of so many heads interleaved.
        case interleaved(heads: Int)
        /// Elements have other values.
        case values
    }

    private let architecture: Architecture
    private let names: TensorNames
    private let metadata: Metadata

    /// Nil for a source that has not GGUF's names, or an architecture that is not known. Throws `malformed` for metadata of another form.
    public init?(of source: any TensorSource) throws {
        guard ModelNames.of(source) == .gguf else { return nil }
        do {
            architecture = try Architecture.of(gguf: source)
        } catch is Architecture.Unknown {
            return nil
        }
        names = TensorNames(architecture)
        metadata = source.metadata
    }

    /// The counterpart of a tensor by its name in GGUF; nil where there is none, or where the metadata do not say its number of heads.
    public subscript(name: String) -> Counterpart? {
        guard let match = names.match(gguf: name) else { return nil }
        switch match.rule.change {
        case .none: return Counterpart(name: match.name, difference: .none)
        case .plusOne: return Counterpart(name: match.name, difference: .values)
        case .interleaved(let heads):
            return architecture.heads(heads.rawValue, in: metadata).map { Counterpart(name: match.name, difference: .interleaved(heads: $0)) }
        }
    }
}

extension Architecture {
    /// The number of heads that a key of config.json counts, by GGUF's metadata; nil where they do not say it.
    package func heads(_ key: String, in metadata: Metadata) -> Int? {
        guard let hyperparameter = hyperparameters.first(where: { $0.config == key }) else { return nil }
        let name = "\(gguf).\(hyperparameter.keys[0])"
        if let value = metadata[name] { return try? value.count(key: name) }
        guard case .same(let other) = hyperparameter.ggufDefault else { return nil }
        return heads(other, in: metadata)
    }
}
