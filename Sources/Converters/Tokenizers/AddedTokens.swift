internal import Architectures
internal import QAMFormat

/// Tokens that are matched in a text before all other processing.
struct AddedTokens {
    struct Element {
        var id: Int
        var text: String
        var isSpecial: Bool
    }

    private(set) var elements: [Element]

    private init(_ elements: [Element]) { self.elements = elements }

    /// The added tokens that accompany tokenizer.model: from added_tokens.json and tokenizer_config.json, which takes precedence.
    init(_ files: TokenizerFiles) throws { self.init(try Self.listed(files) + Self.configured(files)) }

    /// The added tokens of tokenizer.json, with what transformers adds from tokenizer_config.json, else from added_tokens.json: tokens that
    /// tokenizer.json lacks, and whether tokens are special. `index` holds the vocabulary in the order of `json`.
    init(_ json: TokenizerJSON, _ index: PieceIndex, _ files: TokenizerFiles) throws {
        elements = json.addedTokens.map { Element(id: $0.id, text: $0.text, isSpecial: $0.isSpecial) }
        let hasFlags = files[.tokenizerConfig]?["added_tokens_decoder"] != nil
        var places = Dictionary(elements.enumerated().map { (ExactName($1.text), $0) }) { first, _ in first }
        for element in try hasFlags ? Self.configured(files) : Self.listed(files) {
            if let place = places[ExactName(element.text)] {
                if hasFlags { elements[place].isSpecial = element.isSpecial }
                continue
            }
            places[ExactName(element.text)] = elements.count
            let id = index[element.text].map { json.vocabulary[$0].id }
            elements.append(Element(id: id ?? element.id, text: element.text, isSpecial: element.isSpecial))
        }
    }

    /// The tokens of added_tokens.json.
    private static func listed(_ files: TokenizerFiles) throws -> [Element] {
        try (files[.addedTokens]?.members ?? []).map { member in
            guard let id = member.value.index, id < Tokenizer.maximumCount else {
                throw files.malformed(.addedTokens, "\"\(member.key)\" has no id")
            }
            return Element(id: id, text: member.key, isSpecial: false)
        }
    }

    /// The tokens of tokenizer_config.json.
    private static func configured(_ files: TokenizerFiles) throws -> [Element] {
        try (files[.tokenizerConfig]?["added_tokens_decoder"]?.members ?? []).map { member in
            guard let id = Int(member.key), (0..<Tokenizer.maximumCount).contains(id), let text = member.value["content"]?.string else {
                throw files.malformed(.tokenizerConfig, "the added token \"\(member.key)\" has no id or no content")
            }
            return Element(id: id, text: text, isSpecial: member.value["special"]?.bool ?? false)
        }
    }

    /// A warning if transformers gives a token another id: it numbers those outside the vocabulary consecutively, whatever the files state.
    func numberingWarning(_ json: TokenizerJSON, _ index: PieceIndex) -> String? {
        var highest = -1
        for element in elements {
            var id = element.id
            if index[element.text] == nil {
                id = max(json.vocabulary.count, highest + 1)
                guard id == element.id else {
                    return "the added token \"\(element.text)\" has the id \(element.id), but transformers numbers it \(id): it is encoded differently"
                }
            }
            highest = max(highest, id)
        }
        return nil
    }

    /// Sets the tokens' types, and adds missing tokens.
    ///
    /// `isPieces`: whether the vocabulary is SentencePiece's, whose pieces have marks for spaces; GGUF's user-defined tokens have plain
    /// spaces. `replacing`: whether a token may replace the text of an id, as is done beside tokenizer.model to name its unused pieces.
    func add(to vocabulary: inout VocabularyBuilder, isPieces: Bool, replacing: Bool) throws {
        for element in elements {
            let isControl = element.isSpecial || Self.looksSpecial(element.text)
            if !replacing { try vocabulary.check(element.text, at: element.id) }
            var token = vocabulary[element.id] ?? .init(text: element.text, type: .normal, score: Self.score)
            token.text = element.text
            if token.type != .unknown { token.type = isControl ? .control : .userDefined }
            vocabulary.set(token, at: element.id)
        }
        guard isPieces else { return }
        for id in vocabulary.ids {
            guard var token = vocabulary[id], token.type == .userDefined else { continue }
            token.text = Self.unmarked(token.text)
            vocabulary.set(token, at: id)
        }
    }

    /// By scalars, since a mark may combine with the next character.
    private static func unmarked(_ text: String) -> String {
        var scalars = String.UnicodeScalarView()
        scalars.append(contentsOf: text.unicodeScalars.lazy.map { $0 == Tokenizer.spaceMark ? " " : $0 })
        return String(scalars)
    }

    /// Other converters' score of tokens that are never merged.
    static let score: Float = -1000

    /// Control tokens that files declare as ordinary.
    static func looksSpecial(_ text: String) -> Bool {
        ["<pad>", "<mask>", "<2mass>", "[@BOS@]"].contains(text)
            || (text.hasPrefix("<|") && text.hasSuffix("|>")) || (text.hasPrefix("<｜") && text.hasSuffix("｜>"))
            || (text.hasPrefix("<unused") && text.hasSuffix(">"))
    }

    /// Whether the text denotes a byte: `<0x0A>`.
    static func isByte(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        return bytes.count == 6 && text.hasPrefix("<0x") && bytes[5] == UInt8(ascii: ">")
            && bytes[3..<5].allSatisfy { Character(Unicode.Scalar($0)).isHexDigit }
    }
}
