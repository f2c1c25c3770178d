internal import QAMFormat

/// Converts a tokenizer to and from GGUF's keys.
extension Tokenizer {
    private enum Key {
        static let model = "tokenizer.ggml.model"
        static let pre = "tokenizer.ggml.pre"
        static let tokens = "tokenizer.ggml.tokens"
        static let scores = "tokenizer.ggml.scores"
        static let types = "tokenizer.ggml.token_type"
        static let merges = "tokenizer.ggml.merges"
        static let addsBOS = "tokenizer.ggml.add_bos_token"
        static let addsEOS = "tokenizer.ggml.add_eos_token"
        static let addsSpacePrefix = "tokenizer.ggml.add_space_prefix"
    }

    /// In the same order as other converters.
    var entries: [Metadata.Entry] {
        var entries: [Metadata.Entry] = []
        func add(_ key: String, _ value: MetadataValue) { entries.append(.init(key: key, value: value)) }
        switch kind {
        case .byteLevel(let pre):
            add(Key.model, .string("gpt2"))
            add(Key.pre, .string(pre.name))
        case .sentencePiece:
            add(Key.model, .string("llama"))
            add(Key.pre, .string("default"))
        case .mergedPieces: add(Key.model, .string("gemma4"))
        }
        add(Key.tokens, .array(.string(tokens.map(\.text))))
        if case .byteLevel = kind {} else { add(Key.scores, .array(.float32(tokens.map(\.score)))) }
        add(Key.types, .array(.int32(tokens.map(\.type.rawValue))))
        // Loaders require the key, even if there are none.
        if case .sentencePiece = kind {} else { add(Key.merges, .array(.string(merges.map { "\($0.left) \($0.right)" }))) }
        entries += special.entries
        if let addsBOS { add(Key.addsBOS, .bool(addsBOS)) }
        if let addsEOS { add(Key.addsEOS, .bool(addsEOS)) }
        if case .byteLevel = kind {} else { add(Key.addsSpacePrefix, .bool(addsSpacePrefix)) }
        return entries + chatTemplates.entries
    }

    /// Reads the keys; nil if there is no tokenizer. Throws `unsupported` for kinds that Hugging Face's BPE cannot represent, and
    /// `malformed`, with the key, for inconsistent values.
    init?(_ metadata: Metadata) throws {
        guard let model = try metadata.tokenizerText(Key.model), model != "none", model != "no_vocab" else { return nil }
        switch model {
        case "gpt2":
            let name = try metadata.tokenizerText(Key.pre) ?? "default"
            guard let pre = PreTokenizer.all.first(where: { $0.name == name }) else {
                throw QAMError(.unsupported, "the pre-tokenizer \"\(name)\" is not known", at: .init(section: Key.pre))
            }
            kind = .byteLevel(pre)
        case "llama": kind = .sentencePiece
        case "gemma4": kind = .mergedPieces
        default:
            throw QAMError(
                .unsupported, "tokenizers of the kind \"\(model)\" are not supported", at: .init(section: Key.model))
        }
        tokens = try Self.tokens(metadata)
        special = try SpecialTokens(metadata, tokenCount: tokens.count)
        chatTemplates = try ChatTemplates(metadata)
        switch kind {
        case .byteLevel(let pre):
            merges = try Self.merges(metadata)
            addsBOS = try metadata.tokenizerFlag(Key.addsBOS) ?? pre.traits.contains(.addsBOS)
            addsEOS = try metadata.tokenizerFlag(Key.addsEOS) ?? false
        case .sentencePiece, .mergedPieces:
            // Defaults that loaders use for old files, which lack these keys.
            if case .sentencePiece = kind {
                for (role, id) in [(SpecialTokens.Role.unk, 0), (.bos, 1), (.eos, 2)] where id < tokens.count && special[role] == nil {
                    special[role] = id
                }
            } else {
                merges = try Self.merges(metadata)
            }
            addsBOS = try metadata.tokenizerFlag(Key.addsBOS) ?? true
            addsEOS = try metadata.tokenizerFlag(Key.addsEOS) ?? false
            if case .sentencePiece = kind { addsSpacePrefix = try metadata.tokenizerFlag(Key.addsSpacePrefix) ?? true }
        }
    }

    private static func tokens(_ metadata: Metadata) throws -> [Token] {
        guard case .array(.string(let texts))? = metadata[Key.tokens] else {
            throw Metadata.malformed(Key.tokens, "an array of strings is needed")
        }
        let scores: [Float]
        switch metadata[Key.scores] {
        case nil: scores = []
        case .array(.float32(let values))?: scores = values
        case .array(.int32(let values))?: scores = values.map { Float($0) }
        default: throw Metadata.malformed(Key.scores, "an array of numbers is needed")
        }
        let types: [Int32]
        switch metadata[Key.types] {
        case nil: types = []
        case .array(.int32(let values))?: types = values
        case .array(.uint32(let values))?: types = values.map { Int32(bitPattern: $0) }
        default: throw Metadata.malformed(Key.types, "an array of 32-bit integers is needed")
        }
        for (key, count) in [(Key.scores, scores.count), (Key.types, types.count)] where count != 0 && count != texts.count {
            throw Metadata.malformed(key, "there are \(count) elements for \(texts.count) tokens")
        }
        if let id = scores.firstIndex(where: \.isNaN) { throw Metadata.malformed(Key.scores, "the score of token \(id) is not a number") }
        return texts.enumerated().map { id, text in
            Token(
                text: text, type: types.isEmpty ? .normal : TokenType(rawValue: types[id]) ?? .normal,
                score: scores.isEmpty ? 0 : scores[id])
        }
    }

    private static func merges(_ metadata: Metadata) throws -> [Merge] {
        guard let value = metadata[Key.merges] else { return [] }
        guard case .array(.string(let texts)) = value else { throw Metadata.malformed(Key.merges, "an array of strings is needed") }
        return try texts.enumerated().map { number, text in
            // The first byte always belongs to the left part.
            let bytes = text.utf8
            guard let space = bytes.dropFirst().firstIndex(of: 0x20), bytes.index(after: space) < bytes.endIndex else {
                throw Metadata.malformed(Key.merges, "merge \(number) has no two parts")
            }
            return Merge(left: String(text[..<space]), right: String(text[bytes.index(after: space)...]))
        }
    }
}

extension Metadata {
    fileprivate static func malformed(_ key: String, _ message: String) -> QAMError {
        QAMError(.malformed, message, at: .init(section: key))
    }

    /// An optional string.
    func tokenizerText(_ key: String) throws -> String? {
        switch self[key] {
        case nil: return nil
        case .string(let text)?: return text
        default: throw Self.malformed(key, "a string is needed")
        }
    }

    /// An optional boolean.
    func tokenizerFlag(_ key: String) throws -> Bool? {
        switch self[key] {
        case nil: return nil
        case .bool(let value)?: return value
        default: throw Self.malformed(key, "a truth value is needed")
        }
    }

    /// An optional integer of any type; nil also if it does not fit `Int`.
    func tokenizerInteger(_ key: String) throws -> Int? {
        switch self[key] {
        case nil: return nil
        case .uint8(let value)?: return Int(value)
        case .int8(let value)?: return Int(value)
        case .uint16(let value)?: return Int(value)
        case .int16(let value)?: return Int(value)
        case .uint32(let value)?: return Int(value)
        case .int32(let value)?: return Int(value)
        case .uint64(let value)?: return Int(exactly: value)
        case .int64(let value)?: return Int(value)
        default: throw Self.malformed(key, "an integer is needed")
        }
    }
}
