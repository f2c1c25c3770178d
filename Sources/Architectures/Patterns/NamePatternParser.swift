internal import QAMFormat

/// A regular expression as a tree.
indirect enum NamePatternNode {
    case empty
    case scalar(ScalarSet)
    case assertion(NamePattern.Assertion)
    case sequence([NamePatternNode])
    case alternatives([NamePatternNode])
    /// Repetition; unbounded without `most`.
    case counted(NamePatternNode, least: Int, most: Int?)
}

/// Parses a regular expression. Unsupported features are rejected with an error: interpreted differently, they would select the wrong tensors.
struct NamePatternParser {
    private static let maximumDepth = 100
    private static let maximumCount = 1000

    private let text: String
    private let scalars: [Unicode.Scalar]
    private var position = 0
    private var ignoresCase = false
    private var depth = 0

    init(_ text: String) {
        self.text = text
        scalars = Array(text.unicodeScalars)
    }

    /// Throws `invalidArgument`.
    mutating func parse() throws -> NamePatternNode {
        if take("(?i)") { ignoresCase = true }
        let node = try alternatives()
        guard position == scalars.count else { throw fault("a parenthesis is closed that was not opened") }
        return node
    }

    private func fault(_ message: String) -> QAMError {
        QAMError(.invalidArgument, "\"\(text)\" is not a supported regular expression: \(message)")
    }

    private var next: Unicode.Scalar? { position < scalars.count ? scalars[position] : nil }

    private mutating func take(_ expected: String) -> Bool {
        guard scalars[position...].starts(with: expected.unicodeScalars) else { return false }
        position += expected.unicodeScalars.count
        return true
    }

    private mutating func alternatives() throws -> NamePatternNode {
        depth += 1
        defer { depth -= 1 }
        guard depth <= Self.maximumDepth else { throw fault("groups lie more than \(Self.maximumDepth) deep") }
        var branches = [try sequence()]
        while take("|") { branches.append(try sequence()) }
        return branches.count == 1 ? branches[0] : .alternatives(branches)
    }

    private mutating func sequence() throws -> NamePatternNode {
        var items: [NamePatternNode] = []
        while let scalar = next, scalar != "|", scalar != ")" { items.append(try counted()) }
        return items.isEmpty ? .empty : .sequence(items)
    }

    private mutating func counted() throws -> NamePatternNode {
        let node = try atom()
        func isCount(_ scalar: Unicode.Scalar?) -> Bool { scalar.map { ["*", "+", "?", "{"].contains($0) } ?? false }
        guard isCount(next) else { return node }
        if case .assertion = node { throw fault("what takes no character cannot be counted") }
        let (least, most) = try count()
        // A lazy count matches the same names; a possessive one would not.
        if !take("?"), isCount(next) { throw fault("a count follows a count") }
        return .counted(node, least: least, most: most)
    }

    private mutating func count() throws -> (least: Int, most: Int?) {
        if take("*") { return (0, nil) }
        if take("+") { return (1, nil) }
        if take("?") { return (0, 1) }
        position += 1
        let least = try number()
        var most: Int? = least
        if take(",") { most = next == "}" ? nil : try number() }
        guard take("}"), least <= most ?? least else { throw fault("braces must hold a count such as {2}, {2,} or {2,5}; \\{ is the character") }
        return (least, most)
    }

    private mutating func number() throws -> Int {
        var digits = ""
        while let scalar = next, ("0"..."9").contains(scalar) {
            digits.unicodeScalars.append(scalar)
            position += 1
        }
        guard let number = Int(digits) else { throw fault("braces must hold a count such as {2}, {2,} or {2,5}; \\{ is the character") }
        guard number <= Self.maximumCount else { throw fault("a count may be \(Self.maximumCount) at most") }
        return number
    }

    private mutating func atom() throws -> NamePatternNode {
        guard let scalar = next else { throw fault("it ends too early") }
        position += 1
        switch scalar {
        case "(": return try group()
        case "[": return .scalar(try set())
        case ".": return .scalar(.any)
        case "^": return .assertion(.start)
        case "$": return .assertion(.end)
        case "\\": return try escape()
        case "*", "+", "?", "{": throw fault("there is nothing before \"\(scalar)\" to be counted")
        default: return literal(scalar)
        }
    }

    private func literal(_ scalar: Unicode.Scalar) -> NamePatternNode { .scalar(ScalarSet(ranges: [scalar...scalar], ignoresCase: ignoresCase)) }

    private mutating func group() throws -> NamePatternNode {
        if take("?") {
            guard take(":") else {
                let isLook = ["=", "!", "<"].contains(next)
                throw fault(
                    isLook
                        ? "looking ahead or behind and named groups are not known" : "of groups that begin with (? only (?:...) is known, and (?i) at the begin"
                )
            }
        }
        let node = try alternatives()
        guard take(")") else { throw fault("a parenthesis is not closed") }
        return node
    }

    /// Parses what follows a backslash.
    private mutating func escape() throws -> NamePatternNode {
        guard let scalar = next else { throw fault("it ends with a backslash") }
        switch scalar {
        case "b", "B", "A", "z":
            position += 1
            return .assertion(scalar == "b" ? .wordBoundary : scalar == "B" ? .noWordBoundary : scalar == "A" ? .start : .end)
        default:
            var set = ScalarSet(ignoresCase: ignoresCase)
            if let plain = try escaped(into: &set) { set.ranges.append(plain...plain) }
            return .scalar(set)
        }
    }

    /// Parses a character after a backslash; nil for a class, which is added to `set`.
    private mutating func escaped(into set: inout ScalarSet) throws -> Unicode.Scalar? {
        guard let scalar = next else { throw fault("it ends with a backslash") }
        position += 1
        switch scalar {
        case "d": set.kinds.append((.digit, true))
        case "D": set.kinds.append((.digit, false))
        case "w": set.kinds.append((.word, true))
        case "W": set.kinds.append((.word, false))
        case "s": set.kinds.append((.space, true))
        case "S": set.kinds.append((.space, false))
        case "t": return "\t"
        case "n": return "\n"
        case "r": return "\r"
        case "1"..."9": throw fault("back references are not known")
        case "0"..."9", "A"..."Z", "a"..."z": throw fault("\\\(scalar) is not known")
        default: return scalar
        }
        return nil
    }

    /// Parses what follows an opening bracket.
    private mutating func set() throws -> ScalarSet {
        var set = ScalarSet(ignoresCase: ignoresCase)
        set.isNegated = take("^")
        var isFirst = true
        while isFirst || next != "]" {
            guard let first = try member(of: &set) else {
                isFirst = false
                continue
            }
            isFirst = false
            guard next == "-", position + 1 < scalars.count, scalars[position + 1] != "]" else {
                set.ranges.append(first...first)
                continue
            }
            position += 1
            guard let last = try member(of: &set), first <= last else { throw fault("a range in brackets has no order") }
            set.ranges.append(first...last)
        }
        position += 1
        return set
    }

    /// Parses a character between brackets; nil for a class, which is added to `set`.
    private mutating func member(of set: inout ScalarSet) throws -> Unicode.Scalar? {
        guard let scalar = next else { throw fault("a bracket is not closed") }
        position += 1
        switch scalar {
        case "\\": return try escaped(into: &set)
        case "[": throw fault("brackets in brackets are not known; \\[ is the character")
        default: return scalar
        }
    }
}
