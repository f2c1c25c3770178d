internal import QAMFormat

/// Finds added tokens in a text: at each place the longest, from left to right.
struct AddedTokenMatcher: Sendable {
    struct Token {
        var id: UInt32
        var text: [UInt8]
        var isSpecial: Bool
        var takesLeftSpaces: Bool, takesRightSpaces: Bool
        var isWholeWord: Bool
    }

    private var tokens: [Token] = []
    /// A tree of the tokens' bytes: the child of a node, by node and byte; the first node is 0.
    private var children: [UInt64: Int] = [:]
    /// The token that ends at a node, plus one.
    private var ends = [0]
    private var starts = [Bool](repeating: false, count: 256)

    /// Of tokens with the same text the first counts. Linear in their bytes.
    init(_ tokens: [Token]) {
        for token in tokens where !token.text.isEmpty {
            var node = 0
            for byte in token.text { node = child(of: node, byte) }
            if ends[node] == 0 {
                self.tokens.append(token)
                ends[node] = self.tokens.count
                starts[Int(token.text[0])] = true
            }
        }
    }

    private mutating func child(of node: Int, _ byte: UInt8) -> Int {
        let key = UInt64(node) << 8 | UInt64(byte)
        if let known = children[key] { return known }
        ends.append(0)
        children[key] = ends.count - 1
        return ends.count - 1
    }

    var isEmpty: Bool { tokens.isEmpty }

    /// Calls `body` with the parts of a text in order: tokens with their ids, and what is between them. `takesSpecial`: whether special tokens count.
    func forEachPart(
        _ text: [UInt8], _ range: Range<Int>, takesSpecial: Bool, _ body: (Range<Int>, UInt32?) throws -> Void
    ) throws {
        var done = range.lowerBound, position = done
        while position < range.upperBound {
            guard starts[Int(text[position])], let (token, matchEnd) = longest(text, position, range.upperBound) else {
                position += 1
                continue
            }
            var start = position, end = matchEnd
            position = end
            if token.isSpecial, !takesSpecial { continue }
            if token.isWholeWord, Self.isWord(before: start, text, range) || Self.isWord(after: end, text, range) { continue }
            if token.takesLeftSpaces {
                while start > done, let (before, isSpace) = Self.space(before: start, text, range), isSpace { start = before }
            }
            if token.takesRightSpaces {
                while end < range.upperBound, Self.facts(text, end) & UnicodeTable.space != 0 { end += TextPatternMatcher.length(text[end]) }
            }
            if done < start { try body(done..<start, nil) }
            try body(start..<end, token.id)
            done = end
        }
        if done < range.upperBound { try body(done..<range.upperBound, nil) }
    }

    private func longest(_ text: [UInt8], _ start: Int, _ limit: Int) -> (Token, end: Int)? {
        var node = 0, position = start, found: (Int, Int)?
        while position < limit, let next = children[UInt64(node) << 8 | UInt64(text[position])] {
            (node, position) = (next, position + 1)
            if ends[node] != 0 { found = (ends[node] - 1, position) }
        }
        return found.map { (tokens[$0.0], $0.1) }
    }

    private static func facts(_ text: [UInt8], _ position: Int) -> UInt8 { UnicodeTable.facts(of: TextPatternMatcher.scalar(text, position)) }

    private static func start(before position: Int, _ text: [UInt8], _ range: Range<Int>) -> Int? {
        guard position > range.lowerBound else { return nil }
        var start = position - 1
        while start > range.lowerBound, text[start] & 0xC0 == 0x80 { start -= 1 }
        return start
    }

    private static func space(before position: Int, _ text: [UInt8], _ range: Range<Int>) -> (Int, Bool)? {
        start(before: position, text, range).map { ($0, facts(text, $0) & UnicodeTable.space != 0) }
    }

    private static func isWord(before position: Int, _ text: [UInt8], _ range: Range<Int>) -> Bool {
        start(before: position, text, range).map { facts(text, $0) & UnicodeTable.word != 0 } ?? false
    }

    private static func isWord(after position: Int, _ text: [UInt8], _ range: Range<Int>) -> Bool {
        position < range.upperBound && facts(text, position) & UnicodeTable.word != 0
    }
}
