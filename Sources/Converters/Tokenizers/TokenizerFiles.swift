import Architectures
internal import QAMFormat

/// Hugging Face's tokenizer files. Small ones are parsed at once, large ones read on demand.
struct TokenizerFiles {
    enum Name: String, CaseIterable {
        case tokenizer = "tokenizer.json"
        case sentencePiece = "tokenizer.model"
        case tokenizerConfig = "tokenizer_config.json"
        case specialTokens = "special_tokens_map.json"
        case addedTokens = "added_tokens.json"
        case vocabulary = "vocab.json"
        case merges = "merges.txt"
        case tekken = "tekken.json"
        case generationConfig = "generation_config.json"
        case config = "config.json"
        case chatTemplate = "chat_template.json"
        case chatTemplateText = "chat_template.jinja"

        fileprivate static let parsed: [Name] = [
            .tokenizerConfig, .specialTokens, .addedTokens, .generationConfig, .config, .chatTemplate,
        ]
    }

    private var files: [Name: any EmbeddedFile] = [:]
    private var documents: [Name: JSONValue] = [:]

    init(_ files: [any EmbeddedFile]) throws {
        for file in files {
            if let name = Name(rawValue: file.name) { self.files[name] = file }
        }
        for name in Name.parsed {
            guard let bytes = try self.bytes(name) else { continue }
            let document = try Self.place(name) { try JSONValue(parsing: bytes, section: name.rawValue, takingNonFinite: true) }
            guard case .object = document else { throw malformed(name, "the document is not a JSON object") }
            documents[name] = document
        }
    }

    /// The parsed object of a small file.
    subscript(name: Name) -> JSONValue? { documents[name] }

    func holds(_ name: Name) -> Bool { files[name] != nil }

    /// A file's bytes; nil if it is missing. Throws `limitExceeded` above `SideFiles.maximumLength`.
    func bytes(_ name: Name) throws -> [UInt8]? {
        guard let file = files[name] else { return nil }
        guard file.byteCount <= SideFiles.maximumLength else {
            throw QAMError(
                .limitExceeded, "\(file.byteCount) bytes are more than the \(SideFiles.maximumLength) that are read",
                at: .init(file: name.rawValue))
        }
        return try file.read(0..<file.byteCount)
    }

    func text(_ name: Name) throws -> String? {
        guard let bytes = try bytes(name) else { return nil }
        guard let text = String(validating: bytes, as: UTF8.self) else { throw malformed(name, "the text is not UTF-8") }
        return text
    }

    func malformed(_ name: Name, _ message: String) -> QAMError {
        QAMError(.malformed, message, at: .init(file: name.rawValue))
    }

    /// Adds the file's name to errors, and removes a section that only repeats it.
    static func place<T>(_ name: Name, _ body: () throws -> T) throws -> T {
        do {
            return try body()
        } catch var error as QAMError {
            error.place.file = name.rawValue
            if error.place.section == name.rawValue { error.place.section = nil }
            throw error
        }
    }

    /// A member of config.json, or of its text part in a multimodal model.
    func modelSetting(_ key: String) -> JSONValue? {
        self[.config]?[key] ?? ModelConfig.textConfigKeys.lazy.compactMap { self[.config]?[$0]?[key] }.first
    }

    /// The number of rows of the embedding matrix; nil if config.json lacks it.
    func vocabularySize() throws -> Int? {
        guard let value = modelSetting("vocab_size"), value != .null else { return nil }
        guard let size = value.index, size <= Tokenizer.maximumCount else {
            throw malformed(.config, "\"vocab_size\" must be an integer from 0 to \(Tokenizer.maximumCount)")
        }
        return size
    }
}

extension JSONValue {
    /// The value if it is a non-negative integer that fits `Int`.
    var index: Int? {
        guard case .integer(let value) = self, value >= 0 else { return nil }
        return Int(exactly: value)
    }

    var string: String? {
        guard case .string(let value) = self else { return nil }
        return value
    }

    var bool: Bool? {
        guard case .bool(let value) = self else { return nil }
        return value
    }

    var elements: [JSONValue] {
        guard case .array(let elements) = self else { return [] }
        return elements
    }

    var members: [Member] {
        guard case .object(let members) = self else { return [] }
        return members
    }
}
