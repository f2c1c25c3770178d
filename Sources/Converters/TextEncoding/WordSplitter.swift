internal import Architectures
internal import QAMFormat

/// Cuts a text into the words within which tokens are joined: tokenizer.json's pre-tokenizers.
struct WordSplitter: Sendable {
    /// What becomes of the parts that a step finds.
    enum Behavior: String {
        case removed = "Removed", isolated = "Isolated", contiguous = "Contiguous"
        case withPrevious = "MergedWithPrevious", withNext = "MergedWithNext"
    }

    enum Step {
        case split(PartFinder, Behavior, isInverted: Bool)
        /// Each byte becomes a character. The words that come out are bytes again.
        case byteLevel(addsPrefixSpace: Bool, TextPattern?)
        /// Spaces become marks.
        case metaspace(mark: [UInt8], prefix: Prefix, isSplit: Bool)
    }

    enum Prefix: String { case first, always, never }

    private let steps: [Step]
    /// Whether words are bytes, or characters.
    let isByteLevel: Bool

    /// Throws `unsupported` for a step that is not known.
    init(_ value: JSONValue) throws {
        steps = try Self.steps(value)
        let count = steps.count { if case .byteLevel = $0 { true } else { false } }
        guard count < 2 else { throw QAMError(.unsupported, "a tokenizer with two pre-tokenizers \"ByteLevel\" is not supported") }
        isByteLevel = count == 1
    }

    private static func steps(_ value: JSONValue) throws -> [Step] {
        func behavior(_ fallback: Behavior) throws -> Behavior {
            guard let name = value["behavior"]?.string else { return fallback }
            guard let known = Behavior(rawValue: name) else { throw TextTokenizer.unsupported("pre-tokenizer", value) }
            return known
        }
        switch value["type"]?.string {
        case nil: return []
        case "Sequence": return try (value["pretokenizers"]?.elements ?? []).flatMap(steps)
        case "Split":
            guard let pattern = value["pattern"] else { throw TextTokenizer.unsupported("pre-tokenizer", value) }
            return [.split(try PartFinder(pattern), try behavior(.isolated), isInverted: value["invert"]?.bool ?? false)]
        case "Digits":
            let isIndividual = value["individual_digits"]?.bool ?? false
            return [.split(.pattern(TextPattern(.numbers)), isIndividual ? .isolated : .contiguous, isInverted: false)]
        case "Punctuation": return [.split(.pattern(TextPattern(UnicodeTable.punctuation)), try behavior(.isolated), isInverted: false)]
        case "WhitespaceSplit": return [.split(.pattern(TextPattern(.spaces)), .removed, isInverted: false)]
        case "ByteLevel":
            let pattern = value["use_regex"]?.bool ?? true ? try TextPattern(PreTokenizer.gpt2) : nil
            return [.byteLevel(addsPrefixSpace: value["add_prefix_space"]?.bool ?? true, pattern)]
        case "Metaspace":
            let scheme = value["prepend_scheme"]?.string ?? (value["add_prefix_space"]?.bool ?? true ? "always" : "never")
            guard let prefix = Prefix(rawValue: scheme) else { throw TextTokenizer.unsupported("pre-tokenizer", value) }
            let mark = value["replacement"]?.string ?? String(Tokenizer.spaceMark)
            return [.metaspace(mark: Array(mark.utf8), prefix: prefix, isSplit: value["split"]?.bool ?? true)]
        default: throw TextTokenizer.unsupported("pre-tokenizer", value)
        }
    }

    /// Calls `body` with the words of a text in order. `isStart`: whether the whole text begins here.
    func forEachWord(
        _ text: [UInt8], isStart: Bool, _ matcher: inout TextPatternMatcher, _ body: ([UInt8], Range<Int>) throws -> Void
    ) throws {
        try forEachWord(text, 0..<text.count, step: 0, isStart: isStart, &matcher, body)
    }

    private func forEachWord(
        _ text: [UInt8], _ range: Range<Int>, step: Int, isStart: Bool, _ matcher: inout TextPatternMatcher, _ body: ([UInt8], Range<Int>) throws -> Void
    ) throws {
        if range.isEmpty { return }
        guard step < steps.count else { return try body(text, range) }
        switch steps[step] {
        case .split(let finder, let behavior, let isInverted):
            try Self.forEachPart(finder, behavior, isInverted, text, range, &matcher) { part in
                var inner = TextPatternMatcher()
                try forEachWord(text, part, step: step + 1, isStart: isStart && part.lowerBound == range.lowerBound, &inner, body)
            }
        case .byteLevel(let addsPrefixSpace, let pattern):
            let isPrefixed = addsPrefixSpace && text[range.lowerBound] != 0x20
            let source = isPrefixed ? [0x20] + text[range] : text, part = isPrefixed ? 0..<source.count : range
            guard let pattern else { return try forEachMapped(source, part, step: step, isStart: isStart, body) }
            try matcher.forEachPart(pattern, source, part) { word, _ in
                try forEachMapped(source, word, step: step, isStart: isStart && word.lowerBound == part.lowerBound, body)
            }
        case .metaspace(let mark, let prefix, let isSplit):
            var marked: [UInt8] = []
            marked.reserveCapacity(range.count + mark.count)
            for byte in text[range] { if byte == 0x20 { marked += mark } else { marked.append(byte) } }
            if prefix == .always || prefix == .first && isStart, !marked.starts(with: mark) { marked = mark + marked }
            guard isSplit else { return try forEachWord(marked, 0..<marked.count, step: step + 1, isStart: isStart, &matcher, body) }
            try Self.forEachPart(.literal(mark), .withNext, false, marked, 0..<marked.count, &matcher) { part in
                var inner = TextPatternMatcher()
                try forEachWord(marked, part, step: step + 1, isStart: isStart && part.lowerBound == 0, &inner, body)
            }
        }
    }

    /// The steps behind that of bytes work on characters that stand for them.
    private func forEachMapped(
        _ text: [UInt8], _ range: Range<Int>, step: Int, isStart: Bool, _ body: ([UInt8], Range<Int>) throws -> Void
    ) throws {
        if range.isEmpty { return }
        guard step + 1 < steps.count else { return try body(text, range) }
        let mapped = Array(ByteCharacters.text(Array(text[range])).utf8)
        var inner = TextPatternMatcher()
        try forEachWord(mapped, 0..<mapped.count, step: step + 1, isStart: isStart, &inner) { characters, part in
            let bytes = ByteCharacters.bytes(String(decoding: characters[part], as: UTF8.self)) ?? []
            try body(bytes, 0..<bytes.count)
        }
    }

    private static func forEachPart(
        _ finder: PartFinder, _ behavior: Behavior, _ isInverted: Bool, _ text: [UInt8], _ range: Range<Int>, _ matcher: inout TextPatternMatcher,
        _ body: (Range<Int>) throws -> Void
    ) throws {
        // The part that a later one may still join.
        var held: Range<Int>?, wasFound = false
        try finder.forEachPart(text, range, &matcher) { part, isMatch in
            let isFound = isMatch != isInverted
            defer { wasFound = isFound }
            var joins = false
            switch behavior {
            case .isolated: return try body(part)
            case .removed:
                if !isFound { try body(part) }
                return
            case .contiguous: joins = isFound == wasFound
            case .withPrevious: joins = isFound && !wasFound
            case .withNext: joins = wasFound && !isFound
            }
            if let before = held, !joins { try body(before) }
            held = joins ? (held?.lowerBound ?? part.lowerBound)..<part.upperBound : part
        }
        if let held { try body(held) }
    }
}
