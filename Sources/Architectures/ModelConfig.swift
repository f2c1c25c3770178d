package import QAMFormat

/// A model's config.json. For a model with several parts, that of the language model. The contents of newer transformers' `rope_parameters`
/// are available under the older names.
package struct ModelConfig: Sendable {
    package static let name = "config.json"

    /// The member with the language model's configuration in a model with several parts.
    package static let textConfigKeys = ["text_config", "llm_config", "language_config"]

    /// The language model's members in the configuration of a model with several parts: its own, and transformers' defaults for those that such files leave
    /// out. Nil for a model that is nothing else.
    package static func textMembers(_ document: JSONValue) -> [JSONValue.Member]? {
        guard case .object(var own)? = textConfigKeys.lazy.compactMap({ document[$0] }).first else { return nil }
        func add(_ key: String, _ value: JSONValue) {
            guard own.first(where: { $0.key == key })?.value ?? .null == .null else { return }
            own.removeAll { $0.key == key }
            own.append(.init(key, value))
        }
        if case .string(let type)? = document["model_type"], let text = Architecture.textModelTypes[type] { add("model_type", .string(text)) }
        guard let type = own.first(where: { $0.key == "model_type" })?.value else { return own }
        let architecture = Architecture.all.first { $0.modelTypes.contains { .string($0) == type } }
        for (key, value) in architecture?.textDefaults ?? [] { add(key, value) }
        return own
    }

    /// The unmodified text of the file.
    package let document: String
    private var members: JSONValue

    /// Nil if none of the files is a config.json. Throws `malformed`.
    package init?(_ files: [any EmbeddedFile]) throws {
        guard let file = files.first(where: { $0.name == Self.name }) else { return nil }
        guard file.byteCount <= 16 << 20 else { throw Self.fault("it is too large for a configuration") }
        try self.init(file.read(0..<file.byteCount))
    }

    /// Parses a file's bytes. Throws `malformed`.
    package init(_ bytes: [UInt8]) throws {
        do {
            // Python writes Infinity and NaN, mostly in values not used here; `number` rejects them.
            members = try JSONValue(parsing: bytes, section: "JSON", takingNonFinite: true)
        } catch let error as QAMError {
            throw error.inFile(Self.name)
        }
        document = String(decoding: bytes, as: UTF8.self)
        guard case .object = members else { throw Self.fault("it is not a JSON object") }
        if let own = Self.textMembers(members), case .object(let outer) = members {
            let names = Set(own.map(\.key))
            members = .object(own + outer.filter { !names.contains($0.key) })
        }
        spreadRotaryParameters()
        complete()
    }

    /// The value of a key; nil if missing or null.
    package subscript(key: String) -> JSONValue? { members[key].flatMap { $0 == .null ? nil : $0 } }

    /// Whether the key is there and null.
    package func isNull(_ key: String) -> Bool { members[key] == .null }

    /// Whether the file names a class without a head, such as MistralModel: its outputs are vectors of the last layer.
    package var isOfBaseModel: Bool {
        guard case .array(let classes)? = self["architectures"], case .string(let name)? = classes.first else { return false }
        return name.hasSuffix("Model") && !name.hasSuffix("LMHeadModel")
    }

    /// The keys whose values are not null, false or empty.
    package var saidKeys: [String] {
        guard case .object(let list) = members else { return [] }
        return list.filter { ![.null, false, [:], []].contains($0.value) }.map(\.key)
    }

    /// Throws `malformed` if the value is not a string.
    package func text(_ key: String) throws -> String? {
        guard let value = self[key] else { return nil }
        guard case .string(let text) = value else { throw Self.fault("\"\(key)\" is not a string") }
        return text
    }

    package func count(_ value: JSONValue, key: String) throws -> UInt32 {
        guard case .integer(let integer) = value, let count = UInt32(exactly: integer) else {
            throw Self.fault("\"\(key)\" must be an integer from 0 to 2^32 - 1, not \(JSONWriter.text(value, keepingNonFinite: true))")
        }
        return count
    }

    package func number(_ value: JSONValue, key: String) throws -> Double {
        switch value {
        case .number(let number) where number.isFinite: return number
        case .integer(let integer): return Double(integer)
        default: throw Self.fault("\"\(key)\" must be a number, not \(JSONWriter.text(value, keepingNonFinite: true))")
        }
    }

    /// A number in GGUF's precision. Throws `malformed` if out of range.
    package func float(_ value: JSONValue, key: String) throws -> Float {
        let float = Float(try number(value, key: key))
        guard float.isFinite else { throw Self.fault("\"\(key)\" is beyond the numbers of GGUF: \(JSONWriter.text(value))") }
        return float
    }

    package func flag(_ value: JSONValue, key: String) throws -> Bool {
        guard case .bool(let flag) = value else { throw Self.fault("\"\(key)\" must be true or false, not \(JSONWriter.text(value))") }
        return flag
    }

    package func floats(_ value: JSONValue?, key: String) throws -> [Float] {
        guard case .array(let elements) = value else { throw Self.fault("\"\(key)\" must be a list of numbers") }
        return try elements.map { try float($0, key: key) }
    }

    package static func fault(_ message: String, _ code: QAMError.Code = .malformed) -> QAMError { QAMError(code, message, at: .init(file: name)) }

    /// Adds the keys of the tables for those that have other names in the architecture, and its defaults.
    private mutating func complete() {
        guard case .object(var list) = members, case .string(let type)? = self["model_type"],
            let architecture = Architecture.all.first(where: { $0.modelTypes.contains(type) })
        else { return }
        let others = (architecture.names + architecture.synonyms).compactMap { name in self[name.own].map { (key: name.table, value: $0) } }
        for (key, value) in others + architecture.defaults where !list.contains(where: { $0.key == key && $0.value != .null }) {
            list.removeAll { $0.key == key }
            list.append(.init(key, value))
        }
        members = .object(list)
    }

    private mutating func spreadRotaryParameters() {
        guard case .object(var list) = members, let parameters = self["rope_parameters"] else { return }
        let full = parameters["full_attention"] ?? parameters
        let found = [
            ("rope_theta", full["rope_theta"]), ("partial_rotary_factor", full["partial_rotary_factor"]),
            ("original_max_position_embeddings", full["original_max_position_embeddings"]),
            ("rope_local_base_freq", parameters["sliding_attention"]?["rope_theta"]),
            ("rope_scaling", full["rope_type"].flatMap { $0 == "default" ? nil : full }),
        ]
        // As in transformers: these take precedence over members of the older names, the others do not.
        let preferred: Set = ["rope_theta", "partial_rotary_factor", "rope_local_base_freq"]
        for (key, value) in found {
            guard let value, value != .null, preferred.contains(key) || self[key] == nil else { continue }
            list.removeAll { $0.key == key }
            list.append(.init(key, value))
        }
        members = .object(list)
    }
}
