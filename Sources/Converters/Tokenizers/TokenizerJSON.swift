import Architectures
internal import QAMFormat

/// The contents of tokenizer.json. The long vocabulary and merges are parsed without building a tree.
struct TokenizerJSON {
    struct AddedToken {
        var id: Int
        var text: String
        var isSpecial: Bool
        /// Whether a match takes the spaces on its left or right along.
        var takesLeftSpaces = false, takesRightSpaces = false
        /// Whether it matches only whole words.
        var isWholeWord = false
        /// Whether it is matched after the normalizer, not before it.
        var isNormalized = false

        /// GGUF cannot represent this.
        var isRestricted: Bool { takesLeftSpaces || takesRightSpaces || isWholeWord }
    }

    var modelType = "BPE"
    var vocabulary: [(text: String, id: Int)] = []
    var merges: [Tokenizer.Merge] = []
    var addedTokens: [AddedToken] = []
    var normalizer = JSONValue.null
    var preTokenizer = JSONValue.null
    var postProcessor = JSONValue.null
    var decoder = JSONValue.null
    var unknownToken: String?
    var hasByteFallback = false
    /// Whether neighbouring unknown characters become one unknown token.
    var fusesUnknown = false
    /// Whether merges are left out at random.
    var hasDropout = false
    var ignoresMerges = false
    /// The first setting of the model that GGUF's tokenizers do not support.
    var foreignSetting: String?

    init() {}

    /// Byte-level BPE from other files.
    init(vocabulary: [(text: String, id: Int)], merges: [Tokenizer.Merge], addedTokens: [AddedToken], preTokenizer: JSONValue, ignoresMerges: Bool) {
        self.vocabulary = vocabulary
        self.merges = merges
        self.addedTokens = addedTokens
        self.preTokenizer = preTokenizer
        self.ignoresMerges = ignoresMerges
    }

    /// Errors are `malformed` and carry the offset. Linear in the bytes.
    init(_ bytes: [UInt8], section: String) throws {
        var reader = JSONReader(bytes, section: section)
        var seen: Set<ExactName> = []
        try reader.object { reader, key in
            guard seen.insert(ExactName(key)).inserted else { throw reader.malformed("the key \"\(key)\" is repeated") }
            switch key {
            case "model": try readModel(&reader)
            case "added_tokens": try reader.optionalArray { addedTokens.append(try Self.addedToken(&$0)) }
            case "normalizer": normalizer = try reader.value()
            case "pre_tokenizer": preTokenizer = try reader.value()
            case "post_processor": postProcessor = try reader.value()
            case "decoder": decoder = try reader.value()
            default: try reader.skip()
            }
        }
        try reader.end()
        guard seen.contains(ExactName("model")) else { throw reader.malformed("there is no \"model\"") }
    }

    private mutating func readModel(_ reader: inout JSONReader) throws {
        var seen: Set<ExactName> = []
        try reader.object { reader, key in
            guard seen.insert(ExactName(key)).inserted else { throw reader.malformed("the key \"\(key)\" is repeated") }
            switch key {
            case "type": modelType = try reader.string()
            case "vocab":
                // Models other than BPE have other vocabularies, and are rejected by type.
                guard try reader.peek() == .object else { return try reader.skip() }
                try reader.object { reader, text in vocabulary.append((text, try reader.tokenID())) }
            case "merges": try reader.optionalArray { merges.append(try Self.merge(&$0)) }
            case "unk_token": unknownToken = try reader.value().string
            case "fuse_unk": fusesUnknown = try reader.value().bool ?? false
            case "dropout":
                let value = try reader.value()
                hasDropout = ![.null, .integer(0), .number(0)].contains(value)
            case "byte_fallback": hasByteFallback = try reader.value().bool ?? false
            case "ignore_merges": ignoresMerges = try reader.value().bool ?? false
            case "continuing_subword_prefix", "end_of_word_suffix":
                let value = try reader.value()
                if value != .null, value != .string("") { foreignSetting = foreignSetting ?? key }
            default: try reader.skip()
            }
        }
    }

    /// A pair of strings or, in older files, one string with a space between the parts.
    private static func merge(_ reader: inout JSONReader) throws -> Tokenizer.Merge {
        if try reader.peek() == .string {
            // By bytes: a part may begin with a mark that combines with the preceding space.
            let text = try reader.string()
            let parts = text.utf8.split(separator: 0x20, omittingEmptySubsequences: false).map { String(Substring($0)) }
            guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty else {
                throw reader.malformed("a merge must be two parts with a space between them")
            }
            return Tokenizer.Merge(left: parts[0], right: parts[1])
        }
        var parts: [String] = []
        try reader.array { reader in
            guard parts.count < 2 else { throw reader.malformed("a merge must have two parts") }
            parts.append(try reader.string())
        }
        guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty else { throw reader.malformed("a merge must have two parts") }
        return Tokenizer.Merge(left: parts[0], right: parts[1])
    }

    private static func addedToken(_ reader: inout JSONReader) throws -> AddedToken {
        var id: Int?, text: String?
        var token = AddedToken(id: 0, text: "", isSpecial: false)
        // The default of tokens that do not say it.
        var isNormalized: Bool?
        try reader.object { reader, key in
            switch key {
            case "id": id = try reader.tokenID()
            case "content": text = try reader.string()
            case "special": token.isSpecial = try reader.bool()
            case "lstrip": token.takesLeftSpaces = try reader.bool()
            case "rstrip": token.takesRightSpaces = try reader.bool()
            case "single_word": token.isWholeWord = try reader.bool()
            case "normalized": isNormalized = try reader.bool()
            default: try reader.skip()
            }
        }
        guard let id, let text else { throw reader.malformed("an added token has no id or no content") }
        (token.id, token.text, token.isNormalized) = (id, text, isNormalized ?? !token.isSpecial)
        return token
    }
}

extension TokenizerJSON {
    /// The normalizers in order of application.
    var normalizers: [JSONValue] { normalizer["normalizers"]?.elements ?? [normalizer] }

    /// The pre-tokenizers in order of application.
    var preTokenizers: [JSONValue] { preTokenizer["pretokenizers"]?.elements ?? [preTokenizer] }

    /// Whether the normalizer does what GGUF loaders do for SentencePiece: replaces spaces with marks, or prepends a mark.
    static func marksSpaces(_ normalizer: JSONValue) -> Bool {
        let mark = JSONValue.string(String(Tokenizer.spaceMark))
        return switch normalizer["type"]?.string {
        case nil: true
        case "Prepend": normalizer["prepend"] == mark
        case "Replace": normalizer["pattern"]?["String"] == " " && normalizer["content"] == mark
        default: false
        }
    }

    /// Whether the pre-tokenizer never splits what is a token: there is none, it splits at marks for spaces that only begin tokens, or at
    /// spaces, none of which are left after the normalizer.
    func keepsPiecesWhole(_ preTokenizer: JSONValue) -> Bool {
        switch preTokenizer["type"]?.string {
        case nil: true
        case "Metaspace": preTokenizer["split"] == false || !vocabulary.contains { $0.text.unicodeScalars.dropFirst().contains(Tokenizer.spaceMark) }
        case "Split": preTokenizer["pattern"]?["String"] == " "
        default: false
        }
    }

    /// The types of decoders that change generated texts in another way than GGUF loaders do, which join pieces and bytes, replace marks with
    /// spaces and strip the first space.
    var foreignDecoders: [String] {
        (decoder["decoders"]?.elements ?? [decoder]).compactMap { decoder -> String? in
            switch decoder["type"]?.string {
            case nil, "ByteLevel", "ByteFallback", "Fuse", "Metaspace", "Strip": nil
            case "Replace" where decoder["pattern"]?["String"]?.string == String(Tokenizer.spaceMark) && decoder["content"] == " ": nil
            case let type?: type
            }
        }
    }

    /// Whether a space is prepended to texts for SentencePiece: by a normalizer in older files, by a pre-tokenizer in newer ones.
    var addsSpacePrefix: Bool {
        if normalizers.contains(where: { $0["type"]?.string == "Prepend" }) { return true }
        return preTokenizers.contains { preTokenizer in
            guard preTokenizer["type"]?.string == "Metaspace" else { return false }
            if let scheme = preTokenizer["prepend_scheme"]?.string { return scheme != "never" }
            return preTokenizer["add_prefix_space"]?.bool ?? true
        }
    }
}

extension JSONValue {
    /// Whether this value or any part of it has the type.
    func names(_ type: String) -> Bool {
        switch self {
        case .object(let members): self["type"]?.string == type || members.contains { $0.value.names(type) }
        case .array(let elements): elements.contains { $0.names(type) }
        default: false
        }
    }
}

extension JSONReader {
    /// An array; null is an empty one.
    fileprivate mutating func optionalArray(_ element: (inout JSONReader) throws -> Void) throws {
        if try peek() == .null { return try null() }
        try array(element)
    }

    mutating func tokenID() throws -> Int {
        let id = try count()
        guard id < Tokenizer.maximumCount else {
            throw malformed("the id \(id) is beyond the \(Tokenizer.maximumCount) tokens that a vocabulary may hold")
        }
        return id
    }
}
