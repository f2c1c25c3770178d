/// A word, a literal or a punctuation mark of Swift source. Comments are not tokens.
struct Token {
    enum Kind { case word, number, sign, literal }

    var kind: Kind
    var text: String
    /// The line of its first byte.
    var line: Int
    var start: Int
    var end: Int
}

/// Splits Swift source into tokens. Only the code in the interpolations of a string literal is kept, between two tokens of kind `literal`;
/// a regular expression is one such token.
struct Tokenizer {
    private let bytes: [UInt8]
    private var at = 0
    private var line = 1
    private var tokens: [Token] = []

    static func tokens(_ text: String) -> [Token] {
        var tokenizer = Tokenizer(bytes: Array(text.utf8))
        while tokenizer.at < tokenizer.bytes.count { tokenizer.step() }
        return tokenizer.tokens
    }

    private init(bytes: [UInt8]) { self.bytes = bytes }

    private func byte(_ ahead: Int = 0) -> UInt8 { at + ahead < bytes.count ? bytes[at + ahead] : 0 }

    private func starts(_ text: StaticString) -> Bool {
        unsafe bytes[at...].starts(with: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    private mutating func skip(_ count: Int = 1) {
        for _ in 0..<count where at < bytes.count {
            if bytes[at] == UInt8(ascii: "\n") { line += 1 }
            at += 1
        }
    }

    private mutating func add(_ kind: Token.Kind, from start: Int, line: Int) {
        tokens.append(Token(kind: kind, text: String(decoding: bytes[start..<at], as: UTF8.self), line: line, start: start, end: at))
    }

    private static func isWord(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), 0x80...:
            true
        default: false
        }
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

    private mutating func step() {
        if byte() <= UInt8(ascii: " ") { return skip() }
        if starts("//") { return skip(while: { $0 != UInt8(ascii: "\n") }) }
        if starts("/*") { return skipBlockComment() }
        let pounds = bytes[at...].prefix { $0 == UInt8(ascii: "#") }.count
        switch byte(pounds) {
        case UInt8(ascii: "\""): return string(pounds: pounds)
        case UInt8(ascii: "/") where pounds > 0 || isExpressionExpected && isClosedRegex: return regex(pounds: pounds)
        default: break
        }
        let start = at, line = line
        if Self.isWord(byte()) {
            let kind: Token.Kind = Self.isDigit(byte()) ? .number : .word
            skip(while: Self.isWord)
            if kind == .number, byte() == UInt8(ascii: "."), Self.isDigit(byte(1)) {
                skip()
                skip(while: Self.isWord)
            }
            return add(kind, from: start, line: line)
        }
        if byte() == UInt8(ascii: "`") {
            skip()
            let first = at
            skip(while: { $0 != UInt8(ascii: "`") })
            add(.word, from: first, line: line)
            return skip()
        }
        skip()
        add(.sign, from: start, line: line)
    }

    private mutating func skip(while condition: (UInt8) -> Bool) { while at < bytes.count, condition(bytes[at]) { skip() } }

    private mutating func skipBlockComment() {
        var depth = 0
        repeat {
            if starts("/*") { depth += 1; skip(2) } else if starts("*/") { depth -= 1; skip(2) } else { skip() }
        } while depth > 0 && at < bytes.count
    }

    /// Whether a slash here begins a regular expression rather than divides.
    private var isExpressionExpected: Bool {
        guard let last = tokens.last else { return true }
        if last.line != line && last.kind != .sign { return true }
        switch last.kind {
        case .sign: return "(,=:[{;!&|?".contains(last.text)
        case .word: return ["return", "in", "case", "try", "await"].contains(last.text)
        case .number, .literal: return false
        }
    }

    /// Whether the regular expression that begins here ends on this line.
    private var isClosedRegex: Bool {
        guard byte(1) > UInt8(ascii: " "), byte(1) != UInt8(ascii: ")") else { return false }
        var look = at + 1
        while look < bytes.count, bytes[look] != UInt8(ascii: "\n") {
            if bytes[look] == UInt8(ascii: "/") { return true }
            look += bytes[look] == UInt8(ascii: "\\") ? 2 : 1
        }
        return false
    }

    private mutating func regex(pounds: Int) {
        let start = at, first = line
        skip(pounds + 1)
        while at < bytes.count {
            if pounds == 0, byte() == UInt8(ascii: "\\") { skip(2); continue }
            if byte() == UInt8(ascii: "/"), bytes[(at + 1)...].prefix(pounds).count(where: { $0 == UInt8(ascii: "#") }) == pounds { break }
            skip()
        }
        skip(1 + pounds)
        add(.literal, from: start, line: first)
    }

    private mutating func string(pounds: Int) {
        skip(pounds)
        let quotes = starts("\"\"\"") ? 3 : 1
        let start = at
        skip(quotes)
        add(.literal, from: start, line: line)
        func isRepeated(_ sign: StaticString, _ count: Int, from place: Int) -> Bool {
            place + count <= bytes.count && bytes[place..<place + count].allSatisfy { unsafe $0 == sign.utf8Start[0] }
        }
        while at < bytes.count {
            if isRepeated("\"", quotes, from: at), isRepeated("#", pounds, from: at + quotes) { break }
            guard byte() == UInt8(ascii: "\\"), isRepeated("#", pounds, from: at + 1) else { skip(); continue }
            skip(1 + pounds)
            guard byte() == UInt8(ascii: "(") else { skip(); continue }
            interpolation()
        }
        let end = at, last = line
        skip(quotes + pounds)
        add(.literal, from: end, line: last)
    }

    private mutating func interpolation() {
        var depth = 0
        repeat {
            if byte() == UInt8(ascii: "(") { depth += 1 } else if byte() == UInt8(ascii: ")") { depth -= 1 }
            step()
        } while depth > 0 && at < bytes.count
    }
}
