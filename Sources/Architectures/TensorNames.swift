internal import QAMFormat

/// Looks up an architecture's tensors by their names in either format.
package struct TensorNames: Sendable {
    package struct Match: Sendable {
        package var rule: TensorRule
        /// The name in the other format. In Hugging Face's, of tensors that GGUF stacks, with `*` for the number.
        package var name: String
        /// Nil for a tensor outside the layers.
        package var layer: Int?
        /// The number of a tensor that GGUF stacks with others.
        package var expert: Int?
        package var isBias: Bool

        package var ggufName: String { filled(rule.gguf) }

        /// With `*` for the number of tensors that GGUF stacks.
        package var huggingFaceName: String { filled(rule.huggingFace) }

        private func filled(_ template: String) -> String {
            let name = template + (rule.isWhole ? "" : isBias ? ".bias" : ".weight")
            return layer.map { name.replacing("#", with: String($0)) } ?? name
        }
    }

    private struct Entry: Sendable {
        var rule: TensorRule
        var other: String
        var isBias: Bool
    }

    private var byHuggingFace: [String: [Entry]] = [:]
    private var byGGUF: [String: [Entry]] = [:]

    package init(_ architecture: Architecture) {
        for rule in architecture.tensors {
            for (ending, isBias) in rule.isWhole ? [("", false)] : [(".weight", false), (".bias", true)] {
                byHuggingFace[rule.huggingFace + ending, default: []].append(Entry(rule: rule, other: rule.gguf + ending, isBias: isBias))
                byGGUF[rule.gguf + ending, default: []].append(Entry(rule: rule, other: rule.huggingFace + ending, isBias: isBias))
            }
        }
    }

    /// The first match. O(length).
    package func match(huggingFace name: String) -> Match? { matches(name, .huggingFace).first }
    package func match(gguf name: String) -> Match? { matches(name, .gguf).first }

    /// By all rules with this name: those of different models, and of Hugging Face's names, those of tensors that have parts of it. O(length).
    package func matches(_ name: String, _ names: ModelNames) -> [Match] {
        guard let parts = Parts(name) else { return [] }
        return ((names == .gguf ? byGGUF : byHuggingFace)[parts.template] ?? []).map { parts.match($0) }
    }

    /// A table of rotary frequencies or a mask of attention, which follow from the configuration; newer checkpoints omit them.
    package static func isTable(huggingFace name: String) -> Bool { tables.contains(where: name.hasSuffix) }

    private static let tables = ["rotary_emb.inv_freq", ".attn.bias", ".attn.masked_bias", ".attention.bias", ".attention.masked_bias"]

    /// Stored in config.json by Hugging Face.
    package static func isRotaryFactor(gguf name: String) -> Bool {
        [RopeFactors.frequencies, RopeFactors.long, RopeFactors.short].contains(name) || name.hasSuffix(".attn_rot_embd")
    }

    /// Whether a tensor is one of these, and thus excluded from the check.
    package static func followsFromConfiguration(_ name: String, _ names: ModelNames) -> Bool {
        names == .gguf ? isRotaryFactor(gguf: name) : isTable(huggingFace: name)
    }

    /// A name's template, with `#` in place of the first number and `*` in place of the second, and the numbers.
    private struct Parts {
        var template: String
        private var numbers: [String] = []

        init?(_ name: String) {
            // These are the placeholders of templates, not parts of a name.
            guard !name.contains("#"), !name.contains("*") else { return nil }
            var parts = name.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
            for place in parts.indices where numbers.count < 2 && Int(parts[place]).map(String.init) == parts[place] {
                numbers.append(parts[place])
                parts[place] = numbers.count == 1 ? "#" : "*"
            }
            template = parts.joined(separator: ".")
        }

        func match(_ entry: Entry) -> Match {
            let number = numbers.first
            return Match(
                rule: entry.rule, name: number.map { entry.other.replacing("#", with: $0) } ?? entry.other, layer: number.flatMap { Int($0) },
                expert: numbers.count > 1 ? Int(numbers[1]) : nil, isBias: entry.isBias)
        }
    }
}
