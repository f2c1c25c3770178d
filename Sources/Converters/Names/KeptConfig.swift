import Architectures
import QAMFormat

/// The config.json kept in a GGUF written here, updated from its other metadata.
struct KeptConfig {
    let config: ModelConfig

    /// - Parameter current: built from the current metadata.
    /// - Throws: `malformed` or `unsupported` if the kept text is not a configuration of the architecture.
    init(_ text: String, _ architecture: Architecture, _ source: any TensorSource, current: HuggingFaceConfig) throws {
        let kept = try ModelConfig(Array(text.utf8))
        guard let type = try kept.text("model_type"), architecture.modelTypes.contains(type) else {
            throw ModelConfig.fault("\"model_type\" is another than GGUF's")
        }
        let edits = try Self.edits(kept, architecture, source, current)
        config = edits.isEmpty ? kept : try ModelConfig(Self.applied(edits, to: text, current))
    }

    /// Members whose value from the current metadata differs from that at the time of writing: GGUF's keys have been edited since, and take
    /// precedence.
    private static func edits(
        _ kept: ModelConfig, _ architecture: Architecture, _ source: any TensorSource, _ current: HuggingFaceConfig
    ) throws -> [JSONValue.Member] {
        var metadata = Metadata()
        for entry in source.metadata.entries where !entry.key.hasPrefix("\(architecture.gguf).") { metadata.set(entry.key, entry.value) }
        for entry in try GGUFHyperparameters(architecture, kept).entries { metadata.set(entry.key, entry.value) }
        let before = try HuggingFaceConfig(
            architecture, MetadataReplacingSource(source, metadata: metadata), dtype: current.dtype, isTied: current.isTied)
        var edits = current.members.filter { before[$0.key] != $0.value }
        edits += before.members.filter { current[$0.key] == nil }.map { .init($0.key, .null) }
        // The parameters cannot be recovered from a tensor of factors.
        if source.tensors.contains(where: { $0.name == RopeFactors.frequencies }) { edits.removeAll { $0.key == "rope_scaling" } }
        edits += try OriginKeys.editedTokens(source.metadata).map { .init($0.key, JSONValue($0.id)) }
        // Members determined by tensors.
        if let embedding = source.tensors.first(where: { $0.name == "token_embd.weight" }), kept["vocab_size"] != JSONValue(embedding.rows) {
            edits.append(.init("vocab_size", JSONValue(embedding.rows)))
        }
        // A base model has no head, whatever its configuration says about one.
        if source.metadata[OriginKeys.tied] == nil, !kept.isOfBaseModel, case .bool(let tie)? = kept["tie_word_embeddings"], tie != current.isTied {
            edits.append(.init("tie_word_embeddings", .bool(current.isTied)))
        }
        for key in ["torch_dtype", "dtype"] {
            if case .string(let name)? = kept[key], name != HuggingFaceConfig.name(of: current.dtype) {
                edits.append(.init(key, .string(HuggingFaceConfig.name(of: current.dtype))))
            }
        }
        return edits
    }

    /// Keys that newer transformers store in `rope_parameters`.
    private static let rotary: Set<String> = [
        "rope_theta", "rope_scaling", "partial_rotary_factor", "original_max_position_embeddings", "rope_local_base_freq",
    ]

    /// The text with members replaced in place, or appended.
    private static func applied(_ edits: [JSONValue.Member], to text: String, _ current: HuggingFaceConfig) throws -> [UInt8] {
        var document = try JSONValue(parsing: Array(text.utf8), section: "JSON", takingNonFinite: true)
        var edits = edits
        if document["rope_parameters"] != nil, edits.contains(where: { rotary.contains($0.key) }) {
            // The older keys mean the same in all versions.
            document.remove("rope_parameters")
            edits = edits.filter { !rotary.contains($0.key) } + current.members.filter { rotary.contains($0.key) }
        }
        for edit in edits {
            if document[edit.key] == nil, var inner = document["text_config"], inner[edit.key] != nil {
                inner.set(edit.key, edit.value)
                document.set("text_config", inner)
            } else {
                document.set(edit.key, edit.value)
            }
        }
        return Array((JSONWriter.text(document, pretty: true, keepingNonFinite: true) + "\n").utf8)
    }
}

extension JSONValue {
    /// Replaces an object's member in place, or appends it.
    mutating func set(_ key: String, _ value: JSONValue) {
        guard case .object(var members) = self else { return }
        if let place = members.firstIndex(where: { $0.key == key }) { members[place].value = value } else { members.append(.init(key, value)) }
        self = .object(members)
    }

    mutating func remove(_ key: String) {
        guard case .object(let members) = self else { return }
        self = .object(members.filter { $0.key != key })
    }
}
