internal import Architectures
internal import QAMFormat

/// Encodes texts as tokens, and tokens as text, as the reference implementation does (PyPI's `tokenizers`).
package final class TextTokenizer: Sendable {
    private let model: BytePairModel
    private let normalizers: [TextNormalizer]
    private let splitter: WordSplitter
    let decoder: TokenDecoder
    private let template: TokenTemplate
    /// Tokens matched before the normalizer, and behind it.
    private let plain: AddedTokenMatcher
    private let normalized: AddedTokenMatcher
    /// Token texts by id; nil where there is none.
    private let texts: [String?]
    private let special: Set<UInt32>

    /// Throws `unsupported` for a part that is not known, by its name, and `malformed`.
    init(_ json: TokenizerJSON, template given: TokenTemplate? = nil) throws {
        splitter = try WordSplitter(json.preTokenizer)
        normalizers = try TextNormalizer.steps(json.normalizer)
        decoder = try TokenDecoder(json.decoder)
        let said = try TokenTemplate(json.postProcessor)
        template = said.isSaid ? said : given ?? said
        model = try BytePairModel(json, isByteLevel: splitter.isByteLevel)

        var texts = [String?](repeating: nil, count: json.vocabulary.reduce(0) { max($0, $1.id + 1) })
        for (text, id) in json.vocabulary { texts[id] = text }
        var plain: [AddedTokenMatcher.Token] = [], normalized: [AddedTokenMatcher.Token] = [], special: Set<UInt32> = []
        // Tokens beside the vocabulary are numbered behind it, whatever ids the file has.
        var highestAdded = -1
        var matcher = TextPatternMatcher()
        for added in json.addedTokens {
            let id = model.id(of: added.text).map { Int($0) } ?? max(json.vocabulary.count, highestAdded + 1)
            highestAdded = max(highestAdded, id)
            if texts.count <= id { texts += Array(repeating: nil, count: id + 1 - texts.count) }
            texts[id] = added.text
            if added.isSpecial { special.insert(UInt32(id)) }
            var token = AddedTokenMatcher.Token(
                id: UInt32(id), text: Array(added.text.utf8), isSpecial: added.isSpecial, takesLeftSpaces: added.takesLeftSpaces,
                takesRightSpaces: added.takesRightSpaces, isWholeWord: added.isWholeWord)
            if added.isNormalized {
                for step in normalizers { token.text = try step.applied(to: token.text, &matcher) }
                normalized.append(token)
            } else {
                plain.append(token)
            }
        }
        (self.texts, self.special) = (texts, special)
        (self.plain, self.normalized) = (AddedTokenMatcher(plain), AddedTokenMatcher(normalized))
    }

    static func unsupported(_ part: String, _ value: JSONValue) -> QAMError {
        let name = value["type"]?.string.map { "\($0)" } ?? "?"
        let text = JSONWriter.text(value)
        return QAMError(
            .unsupported,
            "the \(part) \"\(name)\" of the tokenizer is not supported (\(text.utf8.count > 200 ? text.prefix(200) + "..." : text)); give tokens instead")
    }

    /// The number of ids: the highest, and one.
    package var count: Int { texts.count }

    /// The tokens before and after a text.
    package var before: [UInt32] { template.before }
    package var after: [UInt32] { template.after }

    /// The text of a token as the vocabulary has it; nil if there is no such token.
    package func text(of id: UInt32) -> String? { id < texts.count ? texts[Int(id)] : nil }

    /// The id of a token by its text as the vocabulary has it.
    package func id(of text: String) -> UInt32? {
        if let id = model.id(of: text) { return id }
        return texts.lastIndex { $0.map(ExactName.init) == ExactName(text) }.map { UInt32($0) }
    }

    package func isSpecial(_ id: UInt32) -> Bool { special.contains(id) }

    /// The tokens of a text. Tokens in the text that are special count as such.
    ///
    /// - Parameters:
    ///   - text: UTF-8.
    ///   - isWhole: whether the tokens that stand around texts are added.
    ///   - progress: called now and then with the number of bytes done; an error that it throws ends the work.
    /// - Throws: `malformed` with the offset where the text is not UTF-8, and `limitExceeded` where an expression takes too long.
    package func encode(_ text: [UInt8], isWhole: Bool, progress: (Int) throws -> Void = { _ in }) throws -> [UInt32] {
        if let offset = Self.firstInvalid(text) { throw QAMError(.malformed, "the text is not UTF-8", at: .init(offset: offset)) }
        guard text.count < Int(Int32.max) else { throw QAMError(.limitExceeded, "a text of \(text.count) bytes is too long to be encoded at once") }
        var tokens = isWhole ? template.before : []
        var work = BytePairModel.Work(), matcher = TextPatternMatcher(), reported = 0
        try plain.forEachPart(text, 0..<text.count, takesSpecial: true) { part, id in
            if let id { return tokens.append(id) }
            var section = part.count == text.count ? text : Array(text[part])
            for step in normalizers { section = try step.applied(to: section, &matcher) }
            let isStart = part.lowerBound == 0
            try normalized.forEachPart(section, 0..<section.count, takesSpecial: true) { inner, id in
                if let id { return tokens.append(id) }
                let words = inner.count == section.count ? section : Array(section[inner])
                try splitter.forEachWord(words, isStart: isStart && inner.lowerBound == 0, &matcher) { bytes, word in
                    model.encode(bytes, word, &work, to: &tokens)
                    reported += word.count
                    if reported >= 1 << 16 {
                        try progress(part.lowerBound + min(part.count, word.upperBound))
                        reported = 0
                    }
                }
            }
        }
        return isWhole ? tokens + template.after : tokens
    }

    /// The text of tokens.
    package func decode(_ ids: [UInt32], skippingSpecial: Bool) -> String {
        var stream = TextStream(self, skipsSpecial: skippingSpecial, holdsRuns: true)
        var text = ""
        for id in ids { text += stream.append(id) }
        return text + stream.finish()
    }

    /// Turns tokens into text one by one.
    package func stream(skippingSpecial: Bool) -> TextStream { TextStream(self, skipsSpecial: skippingSpecial, holdsRuns: false) }

    /// The offset of the first byte that is not UTF-8.
    private static func firstInvalid(_ text: [UInt8]) -> Int? {
        if String(validating: text, as: UTF8.self) != nil { return nil }
        var low = 0, position = 0
        while position < text.count {
            low = position
            let end = position + TextPatternMatcher.length(text[position])
            guard text[position] & 0xC0 != 0x80, end <= text.count, String(validating: text[position..<end], as: UTF8.self) != nil else { return low }
            position = end
        }
        return low
    }
}
