package import QAMFormat

/// The language model among the tensors of a checkpoint: those below some prefix, under the names that the architectures' tables have.
///
/// Models with several parts keep it below `language_model.model.` or `model.language_model.`; base models, saved without the head, have no prefix.
package struct TextModel: Sendable {
    /// What precedes `embed_tokens` and `layers` in the checkpoint's names. In the tables it is `model.`.
    package let prefix: String

    package static let canonical = "model."
    /// Nested prefixes precede those that they contain.
    private static let prefixes = [
        canonical, "language_model.model.", "model.language_model.", "model.text_model.", "thinker.model.", "llm.model.", "language_model.", "text_model.", "",
    ]
    /// What precedes `lm_head`.
    private static let headPrefixes = ["", canonical, "language_model.", "model.language_model.", "thinker.", "llm."]
    /// The first parts of names, after `model.`, of what is no language model.
    private static let foreign: Set<String> = [
        "vision_tower", "vision_model", "vision_encoder", "vision_embed_tokens", "visual", "vit", "multi_modal_projector", "mm_projector", "connector",
        "image_newline", "audio_tower", "audio_encoder", "audio_model", "embed_vision", "embed_audio", "mlp1", "talker", "token2wav",
    ]

    /// Nil if no tensors are those of a language model. O(tensors).
    package init?(_ tensors: [TensorDescriptor]) {
        let embeddings = Set(tensors.lazy.map(\.name).filter { $0.hasSuffix("embed_tokens.weight") })
        let found = Self.prefixes.first { prefix in
            embeddings.contains("\(prefix)embed_tokens.weight") && tensors.contains { $0.name.hasPrefix("\(prefix)layers.") }
        }
        guard let found else { return nil }
        prefix = found
    }

    /// Whether the checkpoint's names are those of the tables.
    package var isCanonical: Bool { prefix == Self.canonical }

    /// A tensor's name in the tables, whether or not they have it; nil for a tensor of another part.
    package func name(_ name: String) -> String? {
        for ending in ["lm_head.weight", "lm_head.bias"] where name.hasSuffix(ending) && Self.headPrefixes.contains(String(name.dropLast(ending.count))) {
            return ending
        }
        let rest = name.hasPrefix(Self.canonical) ? name.dropFirst(Self.canonical.count) : name[...]
        if Self.foreign.contains(String(rest.prefix { $0 != "." })) { return nil }
        guard !isCanonical else { return name }
        return name.hasPrefix(prefix) ? Self.canonical + String(name.dropFirst(prefix.count)) : nil
    }

    /// The name in the tables of a tensor of a layer, from its name alone; other names are returned unchanged.
    package static func canonicalName(_ name: String) -> String {
        guard let prefix = prefixes.first(where: { name.hasPrefix("\($0)layers.") }) else { return name }
        return canonical + String(name.dropFirst(prefix.count))
    }
}
