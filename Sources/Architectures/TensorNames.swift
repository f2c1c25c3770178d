internal import QAMFormat

/// Looks up an architecture's tensors by their names in either format.
package struct TensorNames: Sendable {
    package struct Match: Sendable {
        package var rule: TensorRule
        /// The name in the other format.
        package var name: String
        /// Nil for a tensor outside the layers.
        package var layer: Int?
        package var isBias: Bool
    }

    private var byHuggingFace: [String: TensorRule] = [:]
    private var byGGUF: [String: TensorRule] = [:]

    package init(_ architecture: Architecture) {
        for rule in architecture.tensors {
            byHuggingFace[rule.huggingFace] = rule
            byGGUF[rule.gguf] = rule
        }
    }

    /// O(length).
    package func match(huggingFace name: String) -> Match? {
        guard let parts = Parts(name), let rule = byHuggingFace[parts.template] else { return nil }
        return Match(rule: rule, name: parts.filled(into: rule.gguf), layer: parts.layer, isBias: parts.isBias)
    }

    package func match(gguf name: String) -> Match? {
        guard let parts = Parts(name), let rule = byGGUF[parts.template] else { return nil }
        return Match(rule: rule, name: parts.filled(into: rule.huggingFace), layer: parts.layer, isBias: parts.isBias)
    }

    /// Determined by the configuration; newer checkpoints omit it.
    package static func isRotaryFrequency(huggingFace name: String) -> Bool { name.hasSuffix("rotary_emb.inv_freq") }

    /// Stored in config.json by Hugging Face.
    package static func isRotaryFactor(gguf name: String) -> Bool {
        [RopeFactors.frequencies, RopeFactors.long, RopeFactors.short].contains(name) || name.hasSuffix(".attn_rot_embd")
    }

    /// Whether a tensor is one of these, and thus excluded from the check.
    package static func followsFromConfiguration(_ name: String, _ names: ModelNames) -> Bool {
        names == .gguf ? isRotaryFactor(gguf: name) : isRotaryFrequency(huggingFace: name)
    }

    /// A name's template, with `#` in place of the first number, and that number.
    private struct Parts {
        var template: String
        private var number: String?
        private var suffix: String

        var layer: Int? { number.flatMap { Int($0) } }
        var isBias: Bool { suffix == ".bias" }

        init?(_ name: String) {
            // `#` is the placeholder of templates, not part of a name.
            guard !name.contains("#"), let suffix = [".weight", ".bias"].first(where: { name.hasSuffix($0) }) else { return nil }
            self.suffix = suffix
            var parts = name.dropLast(suffix.count).split(separator: ".", omittingEmptySubsequences: false).map(String.init)
            if let place = parts.firstIndex(where: { Int($0).map(String.init) == $0 }) {
                number = parts[place]
                parts[place] = "#"
            }
            template = parts.joined(separator: ".")
        }

        func filled(into template: String) -> String {
            (number.map { template.replacing("#", with: $0) } ?? template) + suffix
        }
    }
}
