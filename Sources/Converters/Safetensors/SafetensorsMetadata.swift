import Architectures
package import QAMFormat

/// Converts typed metadata to the strings of `__metadata__`, and back.
///
/// All keys are kept. Values other than strings are written as `MetadataValue.text`, and an additional key, `qamw.types`, holds a JSON
/// object with the type of each. Other readers see readable text.
package enum SafetensorsMetadata {
    package static let typesKey = "qamw.types"

    /// The pairs to write, in order. Throws `unsupported` if the metadata contain the key of the type table.
    package static func strings(from metadata: Metadata) throws -> [(key: String, value: String)] {
        guard metadata[typesKey] == nil else {
            throw QAMError(.unsupported, "the metadata key \"\(typesKey)\" is taken for the types of the other keys")
        }
        var pairs = metadata.entries.map { (key: $0.key, value: $0.value.text) }
        let typed = metadata.entries.filter { $0.value.typeName != "string" }
        if !typed.isEmpty {
            let table = JSONValue.object(typed.map { JSONValue.Member($0.key, .string($0.value.typeName)) })
            pairs.append((typesKey, JSONWriter.text(table)))
        }
        return pairs
    }

    /// Throws `malformed` if the type table does not match the strings.
    package static func metadata(from pairs: [(key: String, value: String)]) throws -> Metadata {
        var types: [ExactName: (key: String, type: String)] = [:]
        if let table = pairs.first(where: { $0.key == typesKey }) { types = try typeTable(table.value) }
        var metadata = Metadata()
        for (key, value) in pairs where key != typesKey {
            metadata.set(key, try MetadataValue(typeName: types.removeValue(forKey: ExactName(key))?.type ?? "string", text: value))
        }
        if let stray = types.values.map(\.key).min() {
            throw QAMError(.malformed, "\"\(typesKey)\" gives a type to \"\(stray)\", which is not there", at: .init(section: "metadata"))
        }
        return metadata
    }

    private static func typeTable(_ text: String) throws -> [ExactName: (key: String, type: String)] {
        var types: [ExactName: (key: String, type: String)] = [:]
        var reader = JSONReader(Array(text.utf8), section: "metadata")
        try reader.object { reader, key in
            guard types.updateValue((key, try reader.string()), forKey: ExactName(key)) == nil else {
                throw reader.malformed("the key \"\(key)\" is given two types")
            }
        }
        try reader.end()
        return types
    }
}
