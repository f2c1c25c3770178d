internal import QAMFormat

/// Parses the expressions of pre-tokenizers: the syntax of Oniguruma that occurs in them. The rest is refused by name.
struct TextPatternParser {
    private let scalars: [Unicode.Scalar]
    private var position = 0
    private var ignoresCase = false
    private var depth = 0
    /// The last literal of a case-insensitive group, if it stands directly before.
    private var folded: Unicode.Scalar?

    private static let maximumDepth = 64, maximumRepetitions = 1000

    /// Throws `unsupported` with what is not known.
    static func parse(_ expression: String) throws -> TextPatternNode {
        var parser = TextPatternParser(expression)
        let node = try parser.alternatives()
        guard parser.position == parser.scalars.count else { throw parser.unsupported("a \")\" without \"(\"") }
        return node
    }

    private init(_ expression: String) { scalars = Array(expression.unicodeScalars) }

    private func unsupported(_ what: String) -> QAMError {
        var text = String.UnicodeScalarView()
        text.append(contentsOf: scalars)
        return QAMError(.unsupported, "the expression \"\(String(text))\" of the pre-tokenizer has \(what), which is not supported")
    }

    private var next: Unicode.Scalar? { position < scalars.count ? scalars[position] : nil }

    private mutating func take(_ text: String) -> Bool {
        let wanted = Array(text.unicodeScalars)
        guard scalars[position...].starts(with: wanted) else { return false }
        position += wanted.count
        return true
    }

    private mutating func alternatives() throws -> TextPatternNode {
        depth += 1
        defer { depth -= 1 }
        guard depth <= Self.maximumDepth else { throw unsupported("more than \(Self.maximumDepth) nested groups") }
        var parts = [try sequence()]
        while take("|") { parts.append(try sequence()) }
        return parts.count == 1 ? parts[0] : .alternatives(parts)
    }

    private mutating func sequence() throws -> TextPatternNode {
        var parts: [TextPatternNode] = []
        folded = nil
        while let scalar = next, scalar != "|", scalar != ")" { parts.append(try repeated(atom())) }
        return parts.count == 1 ? parts[0] : .sequence(parts)
    }

    private mutating func repeated(_ atom: TextPatternNode) throws -> TextPatternNode {
        var node = atom
        while let (atLeast, atMost, isInterval) = try quantifier() {
            guard !node.isNullable else { throw unsupported("a repetition of what may be empty") }
            var kind = TextPatternNode.RepetitionKind.greedy
            if take("?") { kind = .lazy } else if take("+") { kind = .possessive }
            if kind != .greedy, isInterval { throw unsupported("a counted repetition that is lazy or possessive") }
            if kind == .possessive {
                guard case .set = node else { throw unsupported("a possessive repetition of a group") }
            }
            node = .repetition(node, atLeast: atLeast, atMost: atMost, kind)
            folded = nil
        }
        return node
    }

    private mutating func quantifier() throws -> (Int, Int, isInterval: Bool)? {
        if take("*") { return (0, .max, false) }
        if take("+") { return (1, .max, false) }
        if take("?") { return (0, 1, false) }
        guard next == "{" else { return nil }
        position += 1
        let atLeast = number(), hasComma = take(","), atMost = hasComma ? number() : atLeast
        guard take("}"), atLeast != nil || atMost != nil else { throw unsupported("a \"{\" that begins no repetition") }
        let bounds = (atLeast ?? 0, atMost ?? .max)
        guard bounds.0 <= bounds.1, bounds.0 <= Self.maximumRepetitions, bounds.1 == .max || bounds.1 <= Self.maximumRepetitions else {
            throw unsupported("a repetition of more than \(Self.maximumRepetitions) times")
        }
        return (bounds.0, bounds.1, true)
    }

    private mutating func number() -> Int? {
        var value: Int?
        while let digit = next, ("0"..."9").contains(digit), (value ?? 0) <= Self.maximumRepetitions {
            value = (value ?? 0) * 10 + Int(digit.value - 0x30)
            position += 1
        }
        return value
    }

    private mutating func atom() throws -> TextPatternNode {
        guard let scalar = next else { throw unsupported("an end where a character is expected") }
        position += 1
        switch scalar {
        case "(": return try group()
        case "[": return .set(try bracket())
        case ".": return .set(ScalarSet("\n").inverted)
        case "^": return .lineStart
        case "$": return .lineEnd
        case "*", "+", "?", "{": throw unsupported("a repetition of nothing")
        case "\\": return try escape()
        default: return try literal(scalar)
        }
    }

    private mutating func literal(_ scalar: Unicode.Scalar) throws -> TextPatternNode {
        guard ignoresCase else { return .set(ScalarSet(scalar)) }
        // Letters that together are one character of another case.
        if let folded, ["ff", "fi", "fl", "ss", "st"].contains(String(folded) + scalar.properties.lowercaseMapping) {
            throw unsupported("\"\(folded)\(scalar)\" regardless of case")
        }
        folded = scalar.properties.lowercaseMapping.unicodeScalars.first
        return .set(try foldedSet(scalar))
    }

    /// The set of a character in both cases.
    private func foldedSet(_ scalar: Unicode.Scalar) throws -> ScalarSet {
        guard scalar.isASCII else { throw unsupported("characters beyond ASCII regardless of case") }
        var set = ScalarSet(scalar)
        for text in [scalar.properties.lowercaseMapping, scalar.properties.uppercaseMapping] {
            if let other = text.unicodeScalars.first { set = set.union(ScalarSet(other)) }
        }
        switch scalar {
        case "s", "S": set = set.union(ScalarSet("\u{17F}"))
        case "k", "K": set = set.union(ScalarSet("\u{212A}"))
        default: break
        }
        return set
    }

    private mutating func group() throws -> TextPatternNode {
        let before = ignoresCase
        defer { (ignoresCase, folded) = (before, nil) }
        var node: TextPatternNode
        if take("?:") {
            node = try alternatives()
        } else if take("?i:") {
            ignoresCase = true
            node = try alternatives()
        } else if take("?=") {
            node = .look(try alternatives(), isNegated: false)
        } else if take("?!") {
            node = .look(try alternatives(), isNegated: true)
        } else if next == "?" {
            throw unsupported("a group \"(?\(position + 1 < scalars.count ? String(scalars[position + 1]) : "")\"")
        } else {
            node = try alternatives()
        }
        guard take(")") else { throw unsupported("a \"(\" without \")\"") }
        return node
    }

    private mutating func escape() throws -> TextPatternNode {
        guard let scalar = next else { throw unsupported("a \"\\\" at its end") }
        switch scalar {
        case "b", "B", "A", "z":
            position += 1
            switch scalar {
            case "A": return .textStart
            case "z": return .textEnd
            default: return .wordBoundary(isNegated: scalar == "B")
            }
        default:
            let (set, character) = try escapedSet()
            return try character.map { try literal($0) } ?? .set(set)
        }
    }

    /// A class, or the one character that is escaped.
    private mutating func escapedSet() throws -> (ScalarSet, Unicode.Scalar?) {
        guard let scalar = next else { throw unsupported("a \"\\\" at its end") }
        position += 1
        switch scalar {
        case "s": return (.spaces, nil)
        case "S": return (ScalarSet.spaces.inverted, nil)
        case "d": return (.digits, nil)
        case "D": return (ScalarSet.digits.inverted, nil)
        case "w": return (.words, nil)
        case "W": return (ScalarSet.words.inverted, nil)
        case "p", "P": return (try property(isNegated: scalar == "P"), nil)
        case "n": return (ScalarSet("\n"), "\n")
        case "r": return (ScalarSet("\r"), "\r")
        case "t": return (ScalarSet("\t"), "\t")
        case "f": return (ScalarSet("\u{C}"), "\u{C}")
        case "v": return (ScalarSet("\u{B}"), "\u{B}")
        case "x", "u": return try code(scalar)
        default:
            guard !scalar.properties.isAlphabetic, !("0"..."9").contains(scalar) else { throw unsupported("the escape \"\\\(scalar)\"") }
            return (ScalarSet(scalar), scalar)
        }
    }

    /// `\x0A`, `\x{1F600}` or `\u000A`.
    private mutating func code(_ kind: Unicode.Scalar) throws -> (ScalarSet, Unicode.Scalar?) {
        let isBraced = kind == "x" && take("{"), limit = isBraced ? 8 : kind == "x" ? 2 : 4
        var digits = ""
        while digits.utf8.count < limit, let digit = next, digit.properties.isASCIIHexDigit {
            digits.unicodeScalars.append(digit)
            position += 1
        }
        guard isBraced ? take("}") : digits.utf8.count == limit, let value = UInt32(digits, radix: 16), let scalar = Unicode.Scalar(value),
            kind == "u" || isBraced || value < 0x80
        else { throw unsupported("the code \"\\\(kind)\(digits)\"") }
        return (ScalarSet(scalar), scalar)
    }

    private mutating func property(isNegated: Bool) throws -> ScalarSet {
        guard take("{") else { throw unsupported("a property without its name") }
        var isNegated = isNegated
        if take("^") { isNegated.toggle() }
        var name = ""
        while let scalar = next, scalar != "}" {
            name.unicodeScalars.append(scalar)
            position += 1
        }
        guard take("}") else { throw unsupported("a property without its name") }
        var set: ScalarSet
        if let categories = UnicodeTable.categories(named: name) {
            set = ScalarSet(categories: categories)
        } else if name == "Han" {
            set = ScalarSet(ranges: UnicodeTable.han)
        } else {
            throw unsupported("the property \"\(name)\"")
        }
        set.isNegated = isNegated
        return set
    }

    /// A class in brackets, after its `[`.
    private mutating func bracket() throws -> ScalarSet {
        depth += 1
        defer { depth -= 1 }
        guard depth <= Self.maximumDepth else { throw unsupported("more than \(Self.maximumDepth) nested classes") }
        let isNegated = take("^")
        var set = ScalarSet(), whole: [ScalarSet] = []
        while !take("]") {
            if take("&&") {
                whole.append(set)
                set = ScalarSet()
                continue
            }
            set = set.union(try bracketItem())
        }
        if !whole.isEmpty {
            let last = set
            set = ScalarSet().union(whole[0])
            for other in whole.dropFirst() + [last] { set.intersect(other) }
        }
        return isNegated ? set.inverted : set
    }

    private mutating func bracketItem() throws -> ScalarSet {
        guard let scalar = next else { throw unsupported("a \"[\" without \"]\"") }
        position += 1
        var first: Unicode.Scalar? = scalar
        if scalar == "[" {
            guard next != ":" else { throw unsupported("a named class") }
            return try bracket()
        }
        if scalar == "\\" {
            let (set, character) = try escapedSet()
            guard character != nil else { return set }
            first = character
        }
        guard let first else { throw unsupported("a class without characters") }
        let mark = position
        if take("-"), let end = next, end != "]" {
            position += 1
            var last: Unicode.Scalar? = end
            if end == "\\" { last = try escapedSet().1 }
            guard let last, first <= last, end != "[" else { throw unsupported("a range of characters without an end") }
            guard !ignoresCase else { throw unsupported("a range of characters regardless of case") }
            return ScalarSet(ranges: [first.value...last.value])
        }
        position = mark
        return ignoresCase ? try foldedSet(first) : ScalarSet(first)
    }
}
