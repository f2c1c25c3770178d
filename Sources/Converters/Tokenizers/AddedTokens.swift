internal import Architectures
internal import QAMFormat

/// Tokens that are found in a text before anything else is done with it.
struct AddedTokens {
    struct Element {
        var id: Int
        var text: String
        var isSpecial: Bool
    }

    private let elements: [Element]

    init(_ elements: [Element]) { self.elements = elements }

    /// Those that stand beside tokenizer.model: in added_tokens.json and in tokenizer_config.json, which overrules it.
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

    /// Gives the tokens their types, and puts those in that are not there yet.
    ///
    /// `isPieces` says that the vocabulary is SentencePiece's: its pieces have marks for spaces where user-defined tokens of
    /// GGUF have what the text has. `replacing` says that a token may take the id of another text: beside tokenizer.model
    /// that is how names for its unused pieces are given.
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

    /// By scalars: a mark may combine with what follows it.
    private static func unmarked(_ text: String) -> String {
        var scalars = String.UnicodeScalarView()
        scalars.append(contentsOf: text.unicodeScalars.lazy.map { $0 == Tokenizer.spaceMark ? " " : $0 })
        return String(scalars)
    }

    /// What the peers give to tokens that no text is joined to.
    static let score: Float = -1000

    /// Tokens that files call ordinary, but that control the model by all that is known.
    static func looksSpecial(_ text: String) -> Bool {
        ["<pad>", "<mask>", "<2mass>", "[@BOS@]"].contains(text)
            || (text.hasPrefix("<|") && text.hasSuffix("|>")) || (text.hasPrefix("<｜") && text.hasSuffix("｜>"))
            || (text.hasPrefix("<unused") && text.hasSuffix(">"))
    }

    /// Whether the text is that of a byte: `<0x0A>`.
    static func isByte(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        return bytes.count == 6 && text.hasPrefix("<0x") && bytes[5] == UInt8(ascii: ">")
            && bytes[3..<5].allSatisfy { Character(Unicode.Scalar($0)).isHexDigit }
    }
}
