import Architectures
internal import QAMFormat

/// Writes a tokenizer as tokenizer.json.
struct TokenizerJSONWriter {
    private let tokenizer: Tokenizer
    /// User-defined tokens with marks for spaces: matched after the normalizer has inserted the marks.
    private let marked: Set<Int>

    private var tokens: [Tokenizer.Token] { tokenizer.tokens }
    private var isByteLevel: Bool {
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

    /// The file's bytes. Throws `malformed` if two tokens have the same text, or a merge joins or forms something that is not a token.
    var bytes: [UInt8] {
        get throws {
            let index = PieceIndex(tokens.lazy.map(\.text))
            if let (first, second) = index.repeated {
                throw Self.malformed("tokens", "the tokens \(first) and \(second) are both \"\(tokens[first].text)\"")
            }
            let merges = if case .sentencePiece = tokenizer.kind { try PieceMerges.merges(tokens, index) } else { tokenizer.merges }
            let vocabulary = vocabularyIDs(try highestID(in: merges, index))
            var writer = JSONWriter(pretty: true)
            writer.object { writer in
                writer.member("version", "1.0")
                writer.member("truncation", .null)
                writer.member("padding", .null)
                writer.key("added_tokens")
                writer.array { writer in for id in addedIDs { writer.value(addedToken(id)) } }
                writer.member("normalizer", normalizer)
                writer.member("pre_tokenizer", preTokenizer)
                writer.member("post_processor", postProcessor)
                writer.member("decoder", decoder)
                writer.key("model")
                writeModel(&writer, merges, vocabulary)
            }
            return writer.bytes
        }
    }

    private func writeModel(_ writer: inout JSONWriter, _ merges: [Tokenizer.Merge], _ vocabulary: [Int]) {
        var ignoresMerges = false
        if case .byteLevel(let pre) = tokenizer.kind { ignoresMerges = pre.traits.contains(.ignoresMerges) }
        writer.object { writer in
            writer.member("type", "BPE")
            writer.member("dropout", .null)
            writer.member("unk_token", isByteLevel ? .null : tokenizer.special[.unk].map { .string(tokens[$0].text) } ?? .null)
            writer.member("continuing_subword_prefix", .null)
            writer.member("end_of_word_suffix", .null)
            writer.member("fuse_unk", .bool(!isByteLevel))
            writer.member("byte_fallback", .bool(!isByteLevel))
            writer.member("ignore_merges", .bool(ignoresMerges))
            writer.key("vocab")
            writer.object { writer in
                for id in vocabulary {
                    writer.key(tokens[id].text)
                    writer.integer(id)
                }
            }
            writer.key("merges")
            writer.array { writer in
                for merge in merges {
                    writer.array { writer in
                        writer.string(merge.left)
                        writer.string(merge.right)
                    }
                }
            }
        }
    }

    /// The highest id that occurs in a merge, -1 without merges. Throws `malformed` for merges of or into unknown tokens, which would
    /// prevent loading.
    private func highestID(in merges: [Tokenizer.Merge], _ index: PieceIndex) throws -> Int {
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

    private static func malformed(_ key: String, _ message: String) -> QAMError {
        QAMError(.malformed, message, at: .init(section: "tokenizer.ggml.\(key)"))
    }

    private func isAdded(_ id: Int) -> Bool { [.control, .unknown, .userDefined].contains(tokens[id].type) }

    private var addedIDs: [Int] { tokens.indices.filter(isAdded) }

    /// The ids of the model's vocabulary: excludes padding, and added tokens beyond the last other token and the last one in a merge, if
    /// the ids have no gap. Those get consecutive ids on loading, as in most published files; with gaps they would get different ids.
    private func vocabularyIDs(_ highestOfMerges: Int) -> [Int] {
        let ids = tokens.indices.filter { !tokens[$0].isPadding(at: $0) }
        guard ids.last.map({ $0 + 1 == ids.count }) ?? true else { return ids }
        let last = max(ids.last { !isAdded($0) } ?? -1, highestOfMerges)
        return Array(ids.prefix { $0 <= last })
    }

    private func addedToken(_ id: Int) -> JSONValue {
        let token = tokens[id]
        return [
            "id": JSONValue(id), "content": .string(token.text), "single_word": false, "lstrip": false, "rstrip": false,
            "normalized": .bool(marked.contains(id)), "special": .bool(token.type != .userDefined),
        ]
    }

    private var normalizer: JSONValue {
        if case .byteLevel(let pre) = tokenizer.kind { return pre.traits.contains(.normalizesToNFC) ? ["type": "NFC"] : .null }
        let replace: JSONValue = ["type": "Replace", "pattern": ["String": " "], "content": .string(String(Tokenizer.spaceMark))]
        guard tokenizer.addsSpacePrefix else { return replace }
        return ["type": "Sequence", "normalizers": [["type": "Prepend", "prepend": .string(String(Tokenizer.spaceMark))], replace]]
    }

    private var preTokenizer: JSONValue {
        switch tokenizer.kind {
        case .byteLevel(let pre): pre.json
        case .sentencePiece: .null
        // Its merges never cross line ends.
        case .mergedPieces: PreTokenizer.Step.split(#"[^\n]+|[\n]+"#).json
        }
    }

    private var postProcessor: JSONValue {
        func token(_ adds: Bool?, _ role: SpecialTokens.Role) -> (text: String, id: Int)? {
            adds == true ? tokenizer.special[role].map { (tokens[$0].text, $0) } : nil
        }
        return PostProcessor.json(bos: token(tokenizer.addsBOS, .bos), eos: token(tokenizer.addsEOS, .eos), isByteLevel: isByteLevel)
    }

    private var decoder: JSONValue {
        guard !isByteLevel else { return PreTokenizer.Step.byteLevel(usesRegex: true).json }
        var decoders: [JSONValue] = [
            ["type": "Replace", "pattern": ["String": .string(String(Tokenizer.spaceMark))], "content": " "],
            ["type": "ByteFallback"], ["type": "Fuse"],
        ]
        if tokenizer.addsSpacePrefix { decoders.append(["type": "Strip", "content": " ", "start": 1, "stop": 0]) }
        return ["type": "Sequence", "decoders": .array(decoders)]
    }
}

extension JSONWriter {
    fileprivate mutating func member(_ key: String, _ value: JSONValue) {
        self.key(key)
        self.value(value)
    }
}
