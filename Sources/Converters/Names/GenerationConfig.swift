import Architectures
import QAMFormat

/// The sampling parameters recommended by a model's authors: generation_config.json, and `general.sampling.*` in GGUF.
struct GenerationConfig {
    static let name = "generation_config.json"
    static let prefix = "general.sampling."

    private enum Kind {
        case integer, number, text
    }

    /// The keys that GGUF loaders read.
    private static let keys: [(config: String, gguf: String, kind: Kind)] = [
        ("sequence", "sequence", .text), ("top_k", "top_k", .integer), ("top_p", "top_p", .number), ("min_p", "min_p", .number),
        ("xtc_probability", "xtc_probability", .number), ("xtc_threshold", "xtc_threshold", .number), ("temperature", "temp", .number),
        ("penalty_last_n", "penalty_last_n", .integer), ("penalty_repeat", "penalty_repeat", .number), ("mirostat", "mirostat", .integer),
        ("mirostat_tau", "mirostat_tau", .number), ("mirostat_eta", "mirostat_eta", .number),
    ]

    private(set) var entries: [Metadata.Entry] = []
    private(set) var warnings: [String] = []

    /// Parses the file. Throws `malformed`, with the file, unless it is a JSON object.
    init(_ text: String) throws {
        let document = try Self.document(text)
        for (config, gguf, kind) in Self.keys {
            guard let value = document[config], value != .null else { continue }
            if let converted = Self.metadataValue(value, kind) {
                entries.append(Metadata.Entry(key: Self.prefix + gguf, value: converted))
            } else {
                warnings.append("\(Self.name): \"\(config)\" is \(JSONWriter.text(value, keepingNonFinite: true)), which GGUF cannot express; it is left out")
            }
        }
    }

    private static func document(_ text: String) throws -> JSONValue {
        do {
            let document = try JSONValue(parsing: Array(text.utf8), section: "JSON", takingNonFinite: true)
            guard case .object = document else { throw QAMError(.malformed, "it is not a JSON object") }
            return document
        } catch let error as QAMError {
            throw error.inFile(name)
        }
    }

    private static func metadataValue(_ value: JSONValue, _ kind: Kind) -> MetadataValue? {
        switch (kind, value) {
        case (.integer, .integer(let integer)): Int32(exactly: integer).map { .int32($0) }
        case (.integer, .number(let number)): Int32(exactly: number).map { .int32($0) }
        case (.number, .integer(let integer)): .float32(Float(integer))
        case (.number, .number(let number)) where Float(number).isFinite: .float32(Float(number))
        case (.text, .string(let text)): .string(text)
        default: nil
        }
    }

    /// The file from GGUF's metadata: the kept text, updated from edited keys; else `made`, derived from the tokenizer, with those keys.
    /// Nil if the metadata contain none of these.
    static func file(_ metadata: Metadata, made: [UInt8]?) throws -> [UInt8]? {
        let kept = metadata[OriginKeys.generationConfig]?.string
        var document = JSONValue.object([])
        if let text = kept ?? made.map({ String(decoding: $0, as: UTF8.self) }) { document = try Self.document(text) }
        let before = document
        let written = try kept.map { try GenerationConfig($0).entries } ?? []
        for (config, gguf, _) in keys {
            let now = metadata[prefix + gguf]
            guard now != written.first(where: { $0.key == prefix + gguf })?.value else { continue }
            if let now { document.set(config, try jsonValue(now, key: prefix + gguf)) } else { document.remove(config) }
        }
        if kept != nil {
            for (key, id) in try OriginKeys.editedTokens(metadata) { document.set(key, JSONValue(id)) }
        } else if document != before, document["do_sample"] == nil {
            document.set("do_sample", true)
        }
        if document == before { return kept.map { Array($0.utf8) } ?? made }
        return Array((JSONWriter.text(document, pretty: true, keepingNonFinite: true) + "\n").utf8)
    }

    private static func jsonValue(_ value: MetadataValue, key: String) throws -> JSONValue {
        switch value {
        case .string(let text): .string(text)
        case .float32, .float64: .number(try value.shortest(key: key))
        case .int32(let integer): JSONValue(integer)
        default: JSONValue(try value.count(key: key))
        }
    }
}
