package import QAMFormat

/// Maps the tensors of a model with GGUF names to Hugging Face: their names there, and other differences. Of the metadata it needs only the
/// architecture and the head counts.
package struct HuggingFaceCounterparts: Sendable {
    /// A tensor's name in Hugging Face's world, and the other differences.
    package struct Counterpart: Hashable, Sendable {
        package let name: String
        package let difference: Difference
    }

    package enum Difference: Hashable, Sendable {
        /// The elements are the same, in the same order.
        case none
        /// GGUF interleaves the rows of each of the heads.
        case interleaved(heads: Int)
        /// The values differ.
        case values
    }

    private let architecture: Architecture
    private let names: TensorNames
    private let metadata: Metadata

    /// Nil if the source does not have GGUF names or its architecture is unknown. Throws `malformed` for malformed metadata.
    package init?(of source: any TensorSource) throws {
        guard ModelNames.of(source) == .gguf else { return nil }
        do {
            architecture = try Architecture.of(gguf: source)
        } catch is Architecture.Unknown {
            return nil
        }
        names = TensorNames(architecture)
        metadata = source.metadata
    }

    /// The counterpart of a tensor given its GGUF name; nil if there is none, or if the metadata lack its number of heads.
    package subscript(name: String) -> Counterpart? {
        guard let match = names.match(gguf: name) else { return nil }
        switch match.rule.change {
        case .none where !match.rule.isStacked: return Counterpart(name: match.name, difference: .none)
        // A stack, or a part of a tensor, is no tensor of Hugging Face.
        case .none, .arranged: return nil
        case .plusOne: return Counterpart(name: match.name, difference: .values)
        case .interleaved(let heads):
            return architecture.heads(heads.rawValue, in: metadata).map { Counterpart(name: match.name, difference: .interleaved(heads: $0)) }
        }
    }
}

extension Architecture {
    /// The number of heads that a key of config.json counts, from GGUF's metadata; nil if they lack it.
    package func heads(_ key: String, in metadata: Metadata) -> Int? {
        guard let hyperparameter = hyperparameters.first(where: { $0.config == key }), let key = hyperparameter.keys.first else { return nil }
        let name = "\(gguf).\(key)"
        if let value = metadata[name] { return try? value.count(key: name) }
        guard case .same(let other) = hyperparameter.ggufDefault else { return nil }
        return heads(other, in: metadata)
    }
}
