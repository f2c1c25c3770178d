/// A tokenizer independent of file formats: the common content of Hugging Face's files and GGUF's `tokenizer.*` keys.
struct Tokenizer {
    enum Kind {
        /// BPE over bytes mapped to printable characters. The merges define the model; scores are unused.
        case byteLevel(PreTokenizer)
        /// SentencePiece's BPE: of all neighbouring pieces, those that form the piece with the highest score are joined first. No merges.
        case sentencePiece
        /// SentencePiece's pieces, but joined by merges: GGUF's "gemma4".
        case mergedPieces
    }

    struct Token {
        var text: String
        var type: TokenType
        /// SentencePiece's log probability or merge order; 0 if there is none.
        var score: Float = 0
    }

    struct Merge: Hashable {
        var left: String
        var right: String
    }

    /// The character that represents a space in SentencePiece's pieces.
    static let spaceMark: Unicode.Scalar = "\u{2581}"

    /// The maximum number of tokens: four times the largest known vocabulary. Vocabularies are padded to the size in the configuration,
    /// which must therefore be bounded.
    static let maximumCount = 1 << 20

    var kind: Kind
    /// In order of their ids; texts are unique.
    var tokens: [Token]
    var merges: [Merge] = []
    var special = SpecialTokens()
    /// Whether BOS and EOS are added to every text; nil if unknown.
    var addsBOS: Bool?
    var addsEOS: Bool?
    /// Whether a space is prepended to every text.
    var addsSpacePrefix = false
    var chatTemplates = ChatTemplates()

    /// A token that never occurs: fills a gap in the ids, or extends the vocabulary to the size of the embedding matrix.
    static func padding(at id: Int) -> Token { Token(text: "[PAD\(id)]", type: .unused, score: -10_000) }
}

/// The type of a token, with GGUF's numbers.
enum TokenType: Int32 {
    case normal = 1
    case unknown, control, userDefined, unused, byte
}

extension Tokenizer.Token {
    /// Whether this token was added by conversion.
    func isPadding(at id: Int) -> Bool { type == .unused && text == "[PAD\(id)]" }
}
