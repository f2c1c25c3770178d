/// Turns tokens into text as they come. What comes out are whole characters; bytes that are none become U+FFFD.
package struct TextStream {
    private let tokenizer: TextTokenizer
    private let skipsSpecial: Bool
    /// Keeps bytes back until their run ends, since a fault in a run spoils all of it, as in the reference implementation.
    private let holdsRuns: Bool
    private var isFirst = true
    /// Bytes of text that may be the beginning of a character.
    private var incomplete: [UInt8] = []
    /// Bytes of tokens that stand for one byte each.
    private var run: [UInt8] = []
    private var strippedAtStart = 0
    /// The end of the text, which may have to be stripped.
    private var tail: [UInt8] = []

    private static let replacement = Array("\u{FFFD}".utf8)

    init(_ tokenizer: TextTokenizer, skipsSpecial: Bool, holdsRuns: Bool) {
        (self.tokenizer, self.skipsSpecial, self.holdsRuns) = (tokenizer, skipsSpecial, holdsRuns)
    }

    /// The text that a token completes. Ids that are no token's have none.
    package mutating func append(_ id: UInt32) -> String {
        guard let token = tokenizer.text(of: id), !(skipsSpecial && tokenizer.isSpecial(id)) else { return "" }
        var out: [UInt8] = []
        if tokenizer.decoder.separatesTokens, !isFirst { incomplete.append(0x20) }
        switch tokenizer.decoder.part(token, isFirst: isFirst) {
        case .bytes(let bytes):
            run += bytes
            if !holdsRuns, String(validating: run, as: UTF8.self) != nil { endRun() }
        case .text(let bytes):
            endRun()
            incomplete += bytes
        }
        isFirst = false
        let count = incomplete.count - Self.unfinished(incomplete)
        out = Array(incomplete[..<count])
        incomplete.removeFirst(count)
        return emitted(out)
    }

    /// What is left at the end.
    package mutating func finish() -> String {
        endRun()
        let rest = incomplete
        incomplete = []
        let text = emitted(rest)
        var end = Array(text.utf8) + tail
        tail = []
        let (character, _, stop) = tokenizer.decoder.stripped
        for _ in 0..<stop where !character.isEmpty && end.suffix(character.count).elementsEqual(character) { end.removeLast(character.count) }
        return String(decoding: end, as: UTF8.self)
    }

    private mutating func endRun() {
        let isValid = String(validating: run, as: UTF8.self) != nil
        incomplete += isValid ? run : Array(run.map { _ in Self.replacement }.joined())
        run = []
    }

    /// Strips the start, and holds back what the end may lose.
    private mutating func emitted(_ bytes: [UInt8]) -> String {
        let (character, start, stop) = tokenizer.decoder.stripped
        var text = tail + Array(String(decoding: bytes, as: UTF8.self).utf8)
        tail = []
        if character.isEmpty { return String(decoding: text, as: UTF8.self) }
        while strippedAtStart < start, !text.isEmpty {
            guard text.starts(with: character) else {
                strippedAtStart = start
                break
            }
            text.removeFirst(character.count)
            strippedAtStart += 1
        }
        for _ in 0..<stop where text.suffix(character.count).elementsEqual(character) {
            text.removeLast(character.count)
            tail += character
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// The number of bytes at the end that may begin a character.
    private static func unfinished(_ bytes: [UInt8]) -> Int {
        for back in 1...3 where back <= bytes.count {
            let byte = bytes[bytes.count - back]
            if byte & 0xC0 == 0x80 { continue }
            return byte >= 0xC2 && byte < 0xF5 && TextPatternMatcher.length(byte) > back ? back : 0
        }
        return 0
    }
}
