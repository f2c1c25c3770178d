import Architectures
internal import QAMFormat

/// A tokenizer as tokenizer.json would have it.
extension TokenizerJSON {
    /// Throws `malformed` if two tokens have the same text, or a merge joins or forms something that is not a token.
    init(_ tokenizer: Tokenizer) throws {
        let parts = TokenizerParts(tokenizer)
        self.init()
        let index = PieceIndex(parts.tokens.lazy.map(\.text))
        if let (first, second) = index.repeated {
            throw TokenizerParts.malformed("tokens", "the tokens \(first) and \(second) are both \"\(parts.tokens[first].text)\"")
        }
        merges = if case .sentencePiece = tokenizer.kind { try PieceMerges.merges(parts.tokens, index) } else { tokenizer.merges }
        vocabulary = parts.vocabularyIDs(try TokenizerParts.highestID(in: merges, index)).map { (parts.tokens[$0].text, $0) }
        addedTokens = parts.addedTokens
        (normalizer, preTokenizer, postProcessor, decoder) = (parts.normalizer, parts.preTokenizer, parts.postProcessor, parts.decoder)
        (hasByteFallback, fusesUnknown) = (!parts.isByteLevel, !parts.isByteLevel)
        unknownToken = parts.isByteLevel ? nil : tokenizer.special[.unk].map { parts.tokens[$0].text }
        if case .byteLevel(let pre) = tokenizer.kind { ignoresMerges = pre.traits.contains(.ignoresMerges) }
    }
}

/// The parts of tokenizer.json that a tokenizer has.
private struct TokenizerParts {
    private let tokenizer: Tokenizer
    /// User-defined tokens with marks for spaces: matched after the normalizer has inserted the marks.
    private let marked: Set<Int>

    var tokens: [Tokenizer.Token] { tokenizer.tokens }
    var isByteLevel: Bool {
        if case .byteLevel = tokenizer.kind { true } else { false }
    }

    /// Restores the marks for spaces in user-defined tokens, as in SentencePiece, unless a mark is prepended to every text: it would be
    /// prepended to the token too.
    init(_ tokenizer: Tokenizer) {
        var tokenizer = tokenizer
        var marked: Set<Int> = []
        var isMarked = !tokenizer.addsSpacePrefix
        if case .byteLevel = tokenizer.kind { isMarked = false }
        for (id, token) in tokenizer.tokens.enumerated() where isMarked && token.type == .userDefined && token.text.utf8.contains(0x20) {
            var scalars = String.UnicodeScalarView()
            scalars.append(contentsOf: token.text.unicodeScalars.lazy.map { $0 == " " ? Tokenizer.spaceMark : $0 })
            tokenizer.tokens[id].text = String(scalars)
            marked.insert(id)
        }
        self.tokenizer = tokenizer
        self.marked = marked
    }

    /// The highest id that occurs in a merge, -1 without merges. Throws `malformed` for merges of or into unknown tokens, which would
    /// prevent loading.
    static func highestID(in merges: [Tokenizer.Merge], _ index: PieceIndex) throws -> Int {
        var highest = -1
        var text: [UInt8] = []
        for (number, merge) in merges.enumerated() {
            text.removeAll(keepingCapacity: true)
            text.append(contentsOf: merge.left.utf8)
            let left = index[text.span]
            text.append(contentsOf: merge.right.utf8)
            guard let left, let right = index[merge.right], let whole = index[text.span] else {
                throw Self.malformed("merges", "merge \(number), \"\(merge.left) \(merge.right)\", joins or makes a piece that is not a token")
            }
            highest = max(highest, left, right, whole)
        }
        return highest
    }

    static func malformed(_ key: String, _ message: String) -> QAMError {
        QAMError(.malformed, message, at: .init(section: "tokenizer.ggml.\(key)"))
    }

    private func isAdded(_ id: Int) -> Bool { [.control, .unknown, .userDefined].contains(tokens[id].type) }

    /// The ids of the model's vocabulary: excludes padding, and added tokens beyond the last other token and the last one in a merge, if
    /// the ids have no gap. Those get consecutive ids on loading, as in most published files; with gaps they would get different ids.
    func vocabularyIDs(_ highestOfMerges: Int) -> [Int] {
        let ids = tokens.indices.filter { !tokens[$0].isPadding(at: $0) }
        guard ids.last.map({ $0 + 1 == ids.count }) ?? true else { return ids }
        let last = max(ids.last { !isAdded($0) } ?? -1, highestOfMerges)
        return Array(ids.prefix { $0 <= last })
    }

    var addedTokens: [TokenizerJSON.AddedToken] {
        tokens.indices.filter(isAdded).map { id in
            .init(id: id, text: tokens[id].text, isSpecial: tokens[id].type != .userDefined, isNormalized: marked.contains(id))
        }
    }

    var normalizer: JSONValue {
        if case .byteLevel(let pre) = tokenizer.kind { return pre.traits.contains(.normalizesToNFC) ? ["type": "NFC"] : .null }
        let replace: JSONValue = ["type": "Replace", "pattern": ["String": " "], "content": .string(String(Tokenizer.spaceMark))]
        guard tokenizer.addsSpacePrefix else { return replace }
        return ["type": "Sequence", "normalizers": [["type": "Prepend", "prepend": .string(String(Tokenizer.spaceMark))], replace]]
    }

    var preTokenizer: JSONValue {
        switch tokenizer.kind {
        case .byteLevel(let pre): pre.json
        case .sentencePiece: .null
        // Its merges never cross line ends.
        case .mergedPieces: PreTokenizer.Step.split(#"[^\n]+|[\n]+"#).json
        }
    }

    var postProcessor: JSONValue {
        func token(_ adds: Bool?, _ role: SpecialTokens.Role) -> (text: String, id: Int)? {
            adds == true ? tokenizer.special[role].map { (tokens[$0].text, $0) } : nil
        }
        return PostProcessor.json(bos: token(tokenizer.addsBOS, .bos), eos: token(tokenizer.addsEOS, .eos), isByteLevel: isByteLevel)
    }

    var decoder: JSONValue {
        guard !isByteLevel else { return PreTokenizer.Step.byteLevel(usesRegex: true).json }
        var decoders: [JSONValue] = [
            ["type": "Replace", "pattern": ["String": .string(String(Tokenizer.spaceMark))], "content": " "],
            ["type": "ByteFallback"], ["type": "Fuse"],
        ]
        if tokenizer.addsSpacePrefix { decoders.append(["type": "Strip", "content": " ", "start": 1, "stop": 0]) }
        return ["type": "Sequence", "decoders": .array(decoders)]
    }
}
