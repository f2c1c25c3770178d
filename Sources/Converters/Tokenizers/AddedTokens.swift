internal import Architectures
internal import QAMFormat

/// Tokens that are matched in a text before all other processing.
struct AddedTokens {
    struct Element {
        var id: Int
        var text: String
        var isSpecial: Bool
    }

    let elements: [Element]

    init(_ elements: [Element]) { self.elements = elements }

    /// The added tokens that accompany tokenizer.model: from added_tokens.json and tokenizer_config.json, which takes precedence.
    init(_ files: TokenizerFiles) throws {
        var elements: [Element] = []
        for member in files[.addedTokens]?.members ?? [] {
            guard let id = member.value.index, id < Tokenizer.maximumCount else {
                throw files.malformed(.addedTokens, "\"\(member.key)\" has no id")
            }
            elements.append(Element(id: id, text: member.key, isSpecial: false))
        }
        for member in files[.tokenizerConfig]?["added_tokens_decoder"]?.members ?? [] {
            guard let id = Int(member.key), (0..<Tokenizer.maximumCount).contains(id), let text = member.value["content"]?.string else {
                throw files.malformed(.tokenizerConfig, "the added token \"\(member.key)\" has no id or no content")
            }
            elements.append(Element(id: id, text: text, isSpecial: member.value["special"]?.bool ?? false))
        }
        self.init(elements)
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
