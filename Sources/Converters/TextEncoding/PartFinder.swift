internal import Architectures
internal import QAMFormat

/// Finds the parts of a text that a step of a tokenizer treats: those of an expression, or copies of a text.
enum PartFinder: Sendable {
    case pattern(TextPattern)
    case literal([UInt8])

    /// tokenizer.json's `pattern`. Throws `unsupported` for another.
    init(_ value: JSONValue) throws {
        if let text = value["String"]?.string ?? value.string {
            self = .literal(Array(text.utf8))
        } else if let expression = value["Regex"]?.string {
            self = .pattern(try TextPattern(expression))
        } else {
            throw TextTokenizer.unsupported("pattern", value)
        }
    }

    /// Calls `body` with the parts of a text in order: those found, and what is between them.
    func forEachPart(
        _ text: [UInt8], _ range: Range<Int>, _ matcher: inout TextPatternMatcher, _ body: (Range<Int>, _ isFound: Bool) throws -> Void
    ) throws {
        switch self {
        case .pattern(let pattern): try matcher.forEachPart(pattern, text, range, body)
        case .literal(let wanted):
            var done = range.lowerBound, position = done
            guard let first = wanted.first else {
                if !range.isEmpty { try body(range, false) }
                return
            }
            while position <= range.upperBound - wanted.count {
                guard text[position] == first, text[position..<position + wanted.count].elementsEqual(wanted) else {
                    position += 1
                    continue
                }
                if done < position { try body(done..<position, false) }
                position += wanted.count
                try body(position - wanted.count..<position, true)
                done = position
            }
            if done < range.upperBound { try body(done..<range.upperBound, false) }
        }
    }
}
