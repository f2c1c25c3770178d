/// A regular expression that may match anywhere in a name.
///
/// Matching simulates all paths through the expression in parallel (Thompson's construction), so it takes time proportional to the length of the name times
/// that of the expression: it cannot blow up like a backtracking library (`(a+)+$`), and unlike POSIX's the dialect is the same on every system. In return,
/// there are no features that require backtracking: back references, lookahead and lookbehind.
///
/// Characters are Unicode scalars. `.`, sets `[a-z]` and `[^0-9]`, `\d \w \s` and `\D \W \S`, groups `(...)` and `(?:...)`, alternatives `|`, counts `* + ? {m}
/// {m,} {m,n}` (also lazy ones, which match the same names), `^ $ \A \z`, `\b \B`, and `(?i)` at the beginning to ignore case.
package struct NamePattern: Sendable {
    /// One step of the program. Numbers are indices of instructions.
    enum Instruction: Sendable {
        case scalar(ScalarSet)
        case assertion(Assertion)
        case split(Int, Int)
        case jump(Int)
        case match
    }

    enum Assertion: Sendable { case start, end, wordBoundary, noWordBoundary }

    private let program: [Instruction]

    /// Throws `invalidArgument` for a syntax error, an unsupported feature or an expression that is too long.
    package init(_ text: String) throws {
        var parser = NamePatternParser(text)
        program = try NamePatternCompiler.program(try parser.parse())
    }

    /// O(name * expression).
    package func matches(_ name: String) -> Bool {
        let scalars = Array(name.unicodeScalars)
        var current = Threads(count: program.count), next = Threads(count: program.count)
        for position in 0...scalars.count {
            // A match may begin anywhere.
            if follow(0, into: &current, scalars, position) { return true }
            guard position < scalars.count else { break }
            for thread in current.waiting {
                guard case .scalar(let set) = program[thread], set.contains(scalars[position]) else { continue }
                if follow(thread + 1, into: &next, scalars, position + 1) { return true }
            }
            swap(&current, &next)
            next.clear()
        }
        return false
    }

    /// Follows an instruction to all that are reachable without consuming a character. Returns whether the match is complete.
    private func follow(_ start: Int, into threads: inout Threads, _ scalars: [Unicode.Scalar], _ position: Int) -> Bool {
        var pending = [start]
        while let place = pending.popLast() {
            guard threads.visit(place) else { continue }
            switch program[place] {
            case .match: return true
            case .scalar: threads.waiting.append(place)
            case .jump(let target): pending.append(target)
            case .split(let first, let second): pending += [second, first]
            case .assertion(let assertion): if holds(assertion, scalars, position) { pending.append(place + 1) }
            }
        }
        return false
    }

    private func holds(_ assertion: Assertion, _ scalars: [Unicode.Scalar], _ position: Int) -> Bool {
        func isWord(_ index: Int) -> Bool { scalars.indices.contains(index) && ScalarSet.word.contains(scalars[index]) }
        return switch assertion {
        case .start: position == 0
        case .end: position == scalars.count
        case .wordBoundary: isWord(position - 1) != isWord(position)
        case .noWordBoundary: isWord(position - 1) == isWord(position)
        }
    }

    /// The active instructions at one character, without duplicates.
    private struct Threads {
        private var visited: [Bool]
        private var touched: [Int] = []
        /// Those that consume a character.
        var waiting: [Int] = []

        init(count: Int) { visited = Array(repeating: false, count: count) }

        /// False if the instruction is active already.
        mutating func visit(_ place: Int) -> Bool {
            guard !visited[place] else { return false }
            visited[place] = true
            touched.append(place)
            return true
        }

        mutating func clear() {
            for place in touched { visited[place] = false }
            touched.removeAll(keepingCapacity: true)
            waiting.removeAll(keepingCapacity: true)
        }
    }
}

/// The set of characters that match at one position.
struct ScalarSet: Sendable {
    enum Kind: Sendable { case digit, word, space }

    var ranges: [ClosedRange<Unicode.Scalar>] = []
    /// `\d` and the like; complemented if `false`.
    var kinds: [(kind: Kind, isMember: Bool)] = []
    var isNegated = false
    var ignoresCase = false

    static let word = ScalarSet(kinds: [(.word, true)])
    /// `.`: everything except line breaks.
    static let any = ScalarSet(ranges: ["\n"..."\r", "\u{85}"..."\u{85}", "\u{2028}"..."\u{2029}"], isNegated: true)

    func contains(_ scalar: Unicode.Scalar) -> Bool {
        var isMember = holds(scalar)
        if ignoresCase, !isMember {
            isMember = [scalar.properties.lowercaseMapping, scalar.properties.uppercaseMapping].contains { mapping in
                mapping.unicodeScalars.count == 1 && mapping.unicodeScalars.first.map(holds) == true
            }
        }
        return isMember != isNegated
    }

    private func holds(_ scalar: Unicode.Scalar) -> Bool {
        ranges.contains { $0.contains(scalar) } || kinds.contains { Self.isOf($0.kind, scalar) == $0.isMember }
    }

    private static func isOf(_ kind: Kind, _ scalar: Unicode.Scalar) -> Bool {
        let properties = scalar.properties
        return switch kind {
        case .digit: properties.numericType == .decimal
        case .word: scalar == "_" || properties.isAlphabetic || properties.numericType == .decimal
        case .space: properties.isWhitespace
        }
    }
}
