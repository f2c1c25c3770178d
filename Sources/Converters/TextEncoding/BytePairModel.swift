internal import QAMFormat

/// BPE: the tokens of a word are its bytes or characters, joined by merges.
struct BytePairModel: Sendable {
    /// Token texts by number, in the order of the vocabulary, and their ids.
    private let index: PieceIndex
    private let ids: [UInt32]
    private let ranks: PairRanks
    private let isByteLevel: Bool
    private let ignoresMerges: Bool
    /// Of each byte: in byte-level BPE the token of its character, else its token `<0x0A>`.
    private let bytes: [UInt32?]
    private let hasByteFallback: Bool
    private let unknown: UInt32?
    private let fusesUnknown: Bool
    /// The mark before which words are cut, which no merge crosses; empty if there is none.
    private let mark: [UInt8]

    /// Throws `malformed` for merges of or into what is no token, `unsupported` for settings that are not known.
    init(_ json: TokenizerJSON, isByteLevel: Bool) throws {
        guard json.modelType == "BPE", json.foreignSetting == nil, !json.hasDropout else {
            let setting = json.foreignSetting ?? (json.hasDropout ? "dropout" : nil)
            let what = setting.map { "with \"\($0)\"" } ?? "of the type \"\(json.modelType)\""
            throw QAMError(.unsupported, "a tokenizer \(what) is not supported: only BPE is; give tokens instead")
        }
        let index = PieceIndex(json.vocabulary.lazy.map(\.text))
        let ids = json.vocabulary.map { UInt32($0.id) }
        func id(_ text: String) -> UInt32? { index[text].map { ids[$0] } }
        self.index = index
        self.ids = ids
        self.isByteLevel = isByteLevel
        (ignoresMerges, hasByteFallback, fusesUnknown) = (json.ignoresMerges, json.hasByteFallback, json.fusesUnknown)
        unknown = json.unknownToken.flatMap(id)
        if let text = json.unknownToken, unknown == nil { throw Self.malformed("the unknown token \"\(text)\" is not in the vocabulary") }
        let digits = Array("0123456789ABCDEF")
        let bytes = (0..<256).map { byte in id(isByteLevel ? ByteCharacters.text([UInt8(byte)]) : "<0x\(digits[byte >> 4])\(digits[byte & 15])>") }
        self.bytes = bytes

        var ranks = PairRanks(capacity: json.merges.count)
        let markText = String(Tokenizer.spaceMark), mark = Array(markText.utf8)
        var crossesMarks = isByteLevel || ignoresMerges || id(markText) == nil || hasByteFallback && bytes.contains(nil)
        for (rank, merge) in json.merges.enumerated() {
            guard let left = id(merge.left), let right = id(merge.right), let whole = id(merge.left + merge.right) else {
                throw Self.malformed("merge \(rank), \"\(merge.left) \(merge.right)\", joins or makes a piece that is not a token")
            }
            ranks.insert(left, right, rank: rank, token: whole)
            if !crossesMarks, merge.right.utf8.starts(with: mark), !merge.left.utf8.reversed().starts(with: mark.reversed()) { crossesMarks = true }
        }
        self.ranks = ranks
        self.mark = crossesMarks ? [] : mark
    }

    private static func malformed(_ message: String) -> QAMError { QAMError(.malformed, message, at: .init(file: TokenizerFiles.Name.tokenizer.rawValue)) }

    /// The id of a token by its text.
    func id(of text: String) -> UInt32? { index[text].map { ids[$0] } }

    /// What encoding needs beside the model. One for each thread.
    struct Work {
        var merger = PairMerger()
        var cache = WordCache()
    }

    /// Appends the tokens of a word, in bytes or UTF-8. O(n log n).
    func encode(_ text: [UInt8], _ range: Range<Int>, _ work: inout Work, to tokens: inout [UInt32]) {
        guard !mark.isEmpty else { return encodeWord(text, range, &work, to: &tokens) }
        var start = range.lowerBound, wasMark = true, position = start
        while position < range.upperBound {
            let isMark =
                text[position] == mark[0] && position + mark.count <= range.upperBound && text[position + 1] == mark[1] && text[position + 2] == mark[2]
            if isMark, !wasMark {
                encodeWord(text, start..<position, &work, to: &tokens)
                start = position
            }
            wasMark = isMark
            position += isMark ? mark.count : 1
        }
        encodeWord(text, start..<range.upperBound, &work, to: &tokens)
    }

    private func encodeWord(_ text: [UInt8], _ range: Range<Int>, _ work: inout Work, to tokens: inout [UInt32]) {
        if range.isEmpty { return }
        let isShort = range.count <= WordCache.longestWord
        if isShort, work.cache.append(text, range, to: &tokens) { return }
        let first = tokens.count
        if ignoresMerges, let whole = id(of: text[range]) {
            tokens.append(whole)
        } else {
            work.merger.tokens.removeAll(keepingCapacity: true)
            if isByteLevel { addBytes(text, range, to: &work.merger.tokens) } else { addCharacters(text, range, to: &work.merger.tokens) }
            work.merger.merge(ranks)
            tokens += work.merger.tokens
        }
        if isShort { work.cache.insert(text, range, tokens[first...]) }
    }

    private func id(of word: ArraySlice<UInt8>) -> UInt32? {
        let bytes = isByteLevel ? Array(ByteCharacters.text(Array(word)).utf8) : Array(word)
        return index[bytes.span].map { ids[$0] }
    }

    /// Bytes without a token are unknown characters.
    private func addBytes(_ text: [UInt8], _ range: Range<Int>, to list: inout [UInt32]) {
        var isPending = false
        for index in range {
            guard let token = bytes[Int(text[index])] else {
                addUnknown(&isPending, to: &list)
                continue
            }
            if isPending, let unknown { list.append(unknown) }
            isPending = false
            list.append(token)
        }
        if isPending, let unknown { list.append(unknown) }
    }

    private func addCharacters(_ text: [UInt8], _ range: Range<Int>, to list: inout [UInt32]) {
        var isPending = false, position = range.lowerBound
        while position < range.upperBound {
            let end = position + TextPatternMatcher.length(text[position])
            let found = index[text.span.extracting(position..<end)].map { ids[$0] }
            if let found {
                if isPending, let unknown { list.append(unknown) }
                isPending = false
                list.append(found)
            } else if hasByteFallback, (position..<end).allSatisfy({ bytes[Int(text[$0])] != nil }) {
                for index in position..<end { if let token = bytes[Int(text[index])] { list.append(token) } }
            } else {
                addUnknown(&isPending, to: &list)
            }
            position = end
        }
        if isPending, let unknown { list.append(unknown) }
    }

    private func addUnknown(_ isPending: inout Bool, to list: inout [UInt32]) {
        if isPending, !fusesUnknown, let unknown { list.append(unknown) }
        isPending = true
    }
}
