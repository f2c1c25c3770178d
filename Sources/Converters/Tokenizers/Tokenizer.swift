/// A tokenizer apart from any file: what Hugging Face's files and GGUF's `tokenizer.*` keys both say.
struct Tokenizer {
    enum Kind {
        /// BPE over bytes that are spelled as printable characters. The merges are the model, scores mean nothing.
        case byteLevel(PreTokenizer)
        /// SentencePiece's BPE: of two neighbours, those whose piece has the highest score are joined first. No merges.
        case sentencePiece
        /// Pieces as in SentencePiece's, but joined by merges: what GGUF calls "gemma4".
        case mergedPieces
    }

    struct Token {
        var text: String
        var type: TokenType
        /// SentencePiece's log probability or merge order; 0 where there is none.
        var score: Float = 0
    }

    struct Merge: Hashable {
        var left: String
        var right: String
    }

    /// The character that stands for a space within SentencePiece's pieces.
    static let spaceMark: Unicode.Scalar = "\u{2581}"

    /// Vocabularies hold at most this many tokens: four times the largest that is known. What a configuration claims is
    /// padded to, so the claim must be bounded.
    static let maximumCount = 1 << 20

    var kind: Kind
    /// In order of their ids; each text is there once.
    var tokens: [Token]
    var merges: [Merge] = []
    var special = SpecialTokens()
    /// Whether a beginning and an end are put around every text; nil where nothing tells.
    var addsBOS: Bool?
    var addsEOS: Bool?
    /// Whether a space is put before every text.
    var addsSpacePrefix = false
    var chatTemplates = ChatTemplates()

    /// A token that no text gives: it fills a hole in the ids, or makes the vocabulary as large as the embedding matrix.
    static func padding(at id: Int) -> Token { Token(text: "[PAD\(id)]", type: .unused, score: -10_000) }
}

/// What a token is, by GGUF's numbers.
enum TokenType: Int32 {
    case normal = 1
    case unknown, control, userDefined, unused, byte
}

extension Tokenizer.Token {
    /// Whether conversion made this token up.
    func isPadding(at id: Int) -> Bool { type == .unused && text == "[PAD\(id)]" }
}
