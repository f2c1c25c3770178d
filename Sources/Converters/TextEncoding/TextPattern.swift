internal import QAMFormat

/// A regular expression that cuts texts into words: the first of its alternatives that matches counts, as in the reference implementation.
///
/// It is compiled to a program for a machine that goes back where an attempt fails. Runs of one class, of which these expressions consist, are one
/// instruction; an alternative is tried only where its first byte may occur.
struct TextPattern: Sendable {
    enum Instruction {
        case set(Int)
        case run(set: Int, atLeast: Int, atMost: Int, isPossessive: Bool)
        /// Goes on at the first, and later at the second.
        case split(Int, Int)
        case jump(Int)
        /// Looks whether what follows matches up to its `accept`, and goes on at `next`.
        case look(isNegated: Bool, next: Int)
        case lineStart, lineEnd, textStart, textEnd
        case wordBoundary(isNegated: Bool)
        case accept
    }

    /// An alternative: where its program starts, and the bytes that it may start with.
    struct Alternative {
        var start: Int
        var firstBytes: [Bool]
    }

    private(set) var program: [Instruction] = []
    private(set) var alternatives: [Alternative] = []
    private(set) var sets: [ScalarSet] = []
    /// Two words of bits for each set.
    private(set) var asciiBits: [UInt64] = []

    static let maximumLength = 4096

    /// Throws `unsupported` for syntax that is not known, and for an expression of more than `maximumLength` instructions.
    init(_ expression: String) throws {
        try self.init(TextPatternParser.parse(expression))
        guard program.count <= Self.maximumLength else {
            throw QAMError(.unsupported, "the expression \"\(expression)\" of the pre-tokenizer is too long")
        }
    }

    /// One or more, or exactly one, of a set.
    init(_ set: ScalarSet, repeated: Bool = false) {
        self.init(repeated ? .repetition(.set(set), atLeast: 1, atMost: .max, .greedy) : .set(set))
    }

    private init(_ node: TextPatternNode) {
        let parts = if case .alternatives(let parts) = node { parts } else { [node] }
        for part in parts {
            alternatives.append(Alternative(start: program.count, firstBytes: Self.firstBytes(part)))
            compile(part)
            program.append(.accept)
        }
    }

    private mutating func number(of set: ScalarSet) -> Int {
        if let known = sets.firstIndex(of: set) { return known }
        let (low, high) = set.ascii
        sets.append(set)
        asciiBits += [low, high]
        return sets.count - 1
    }

    private mutating func compile(_ node: TextPatternNode) {
        // What is too long is refused afterwards.
        guard program.count <= Self.maximumLength else { return }
        switch node {
        case .set(let set): program.append(.set(number(of: set)))
        case .sequence(let parts): for part in parts { compile(part) }
        case .alternatives(let parts): compile(parts[...])
        case .repetition(.set(let set), let atLeast, let atMost, let kind) where kind != .lazy:
            program.append(.run(set: number(of: set), atLeast: atLeast, atMost: atMost, isPossessive: kind == .possessive))
        case .repetition(let part, let atLeast, let atMost, let kind):
            for _ in 0..<atLeast { compile(part) }
            compileOptional(part, count: atMost == .max ? nil : atMost - atLeast, isLazy: kind == .lazy)
        case .look(let part, let isNegated):
            let place = program.count
            program.append(.look(isNegated: isNegated, next: 0))
            compile(part)
            program.append(.accept)
            program[place] = .look(isNegated: isNegated, next: program.count)
        case .lineStart: program.append(.lineStart)
        case .lineEnd: program.append(.lineEnd)
        case .textStart: program.append(.textStart)
        case .textEnd: program.append(.textEnd)
        case .wordBoundary(let isNegated): program.append(.wordBoundary(isNegated: isNegated))
        }
    }

    private mutating func compile(_ parts: ArraySlice<TextPatternNode>) {
        guard let first = parts.first else { return }
        guard parts.count > 1 else { return compile(first) }
        let place = program.count
        program.append(.split(place + 1, 0))
        compile(first)
        let end = program.count
        program.append(.jump(0))
        program[place] = .split(place + 1, program.count)
        compile(parts.dropFirst())
        program[end] = .jump(program.count)
    }

    /// Up to `count` times, or as often as it matches.
    private mutating func compileOptional(_ part: TextPatternNode, count: Int?, isLazy: Bool) {
        var places: [Int] = []
        for _ in 0..<(count ?? 1) where program.count <= Self.maximumLength {
            places.append(program.count)
            program.append(.accept)
            compile(part)
        }
        if count == nil { program.append(.jump(places[0])) }
        let end = program.count
        for place in places { program[place] = isLazy ? .split(end, place + 1) : .split(place + 1, end) }
    }

    private static func firstBytes(_ node: TextPatternNode) -> [Bool] {
        switch node {
        case .set(let set):
            let (low, high) = set.ascii
            return (0..<256).map { byte in
                if byte < 0x80 { return (byte < 64 ? low >> UInt64(byte) : high >> UInt64(byte - 64)) & 1 != 0 }
                return byte >= 0xC2 && set.mayExceedASCII
            }
        case .alternatives(let parts):
            return parts.map(firstBytes).reduce([Bool](repeating: false, count: 256)) { zip($0, $1).map { $0 || $1 } }
        case .repetition(let part, let atLeast, _, _) where atLeast > 0: return firstBytes(part)
        case .sequence(let parts):
            var bytes = [Bool](repeating: false, count: 256)
            for part in parts {
                if case .repetition(let repeated, 0, _, _) = part {
                    bytes = zip(bytes, firstBytes(repeated)).map { $0 || $1 }
                    continue
                }
                return part.isNullable ? [Bool](repeating: true, count: 256) : zip(bytes, firstBytes(part)).map { $0 || $1 }
            }
            return [Bool](repeating: true, count: 256)
        default: return [Bool](repeating: true, count: 256)
        }
    }
}
