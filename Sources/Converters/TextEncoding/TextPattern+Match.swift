internal import QAMFormat

/// Runs a pattern over a text. One for each thread.
struct TextPatternMatcher {
    /// Where to go on if the present attempt fails: at `position`, then one character less, down to `low`.
    private struct Retry {
        var instruction: Int
        var low: Int
        var position: Int
    }

    private var retries: [Retry] = []
    /// Steps that are left: bounds the time that an expression may waste by going back.
    private var steps = 0

    /// Steps for each byte of a text, and for any text.
    private static let stepsOfByte = 4096, stepsOfText = 1 << 20

    /// Calls `body` with the parts of a text in order: matches, and what is between them. Of no length are only matches.
    ///
    /// Throws `limitExceeded` if the expression takes too many steps, and what `body` throws.
    mutating func forEachPart(
        _ pattern: TextPattern, _ text: [UInt8], _ range: Range<Int>, _ body: (Range<Int>, _ isMatch: Bool) throws -> Void
    ) throws {
        let budget = steps
        defer { steps = budget }
        let (wanted, overflow) = range.count.multipliedReportingOverflow(by: Self.stepsOfByte)
        steps = overflow ? .max : wanted.addingReportingOverflow(Self.stepsOfText).partialValue
        var done = range.lowerBound, position = range.lowerBound, last: Int?
        while position <= range.upperBound {
            guard let end = try match(pattern, text, range, at: position) else {
                position += position < range.upperBound ? Self.length(text[position]) : 1
                continue
            }
            // An empty match directly after the last one does not count.
            if end == position, position == last {
                position += position < range.upperBound ? Self.length(text[position]) : 1
                continue
            }
            if done < position { try body(done..<position, false) }
            try body(position..<end, true)
            (done, position, last) = (end, end, end)
            if position == range.upperBound { break }
        }
        if done < range.upperBound { try body(done..<range.upperBound, false) }
    }

    /// The end of the match that starts here; nil if there is none.
    private mutating func match(_ pattern: TextPattern, _ text: [UInt8], _ range: Range<Int>, at position: Int) throws -> Int? {
        for index in pattern.alternatives.indices {
            if position < range.upperBound, !pattern.alternatives[index].firstBytes[Int(text[position])] { continue }
            if let end = try run(pattern, text, range, pattern.alternatives[index].start, position) { return end }
        }
        return nil
    }

    private mutating func run(_ pattern: TextPattern, _ text: [UInt8], _ range: Range<Int>, _ start: Int, _ first: Int) throws -> Int? {
        let base = retries.count
        defer { retries.removeLast(retries.count - base) }
        var instruction = start, position = first
        while true {
            steps -= 1
            guard steps > 0 else {
                throw QAMError(.limitExceeded, "the expression of the pre-tokenizer takes too long on this text")
            }
            var fails = false
            switch pattern.program[instruction] {
            case .accept: return position
            case .set(let set):
                if let end = Self.end(of: set, pattern, text, position, range.upperBound) {
                    (position, instruction) = (end, instruction + 1)
                } else {
                    fails = true
                }
            case .run(let set, let atLeast, let atMost, let isPossessive):
                var count = 0, low = position
                while count < atMost, let end = Self.end(of: set, pattern, text, position, range.upperBound) {
                    position = end
                    count += 1
                    if count == atLeast { low = position }
                }
                steps -= count
                if count < atLeast {
                    fails = true
                } else {
                    instruction += 1
                    if position > low, !isPossessive { retries.append(Retry(instruction: instruction, low: low, position: Self.before(position, text))) }
                }
            case .split(let now, let later):
                retries.append(Retry(instruction: later, low: position, position: position))
                instruction = now
            case .jump(let target): instruction = target
            case .look(let isNegated, let next):
                let isThere = try run(pattern, text, range, instruction + 1, position) != nil
                if isThere != isNegated { instruction = next } else { fails = true }
            case .lineStart: if position == range.lowerBound || text[position - 1] == 0x0A { instruction += 1 } else { fails = true }
            case .lineEnd: if position == range.upperBound || text[position] == 0x0A { instruction += 1 } else { fails = true }
            case .textStart: if position == range.lowerBound { instruction += 1 } else { fails = true }
            case .textEnd: if position == range.upperBound { instruction += 1 } else { fails = true }
            case .wordBoundary(let isNegated):
                let left = position > range.lowerBound && Self.isWord(text, Self.before(position, text))
                let right = position < range.upperBound && Self.isWord(text, position)
                if (left != right) != isNegated { instruction += 1 } else { fails = true }
            }
            guard fails else { continue }
            guard retries.count > base else { return nil }
            let last = retries.count - 1
            (instruction, position) = (retries[last].instruction, retries[last].position)
            if position > retries[last].low {
                retries[last].position = Self.before(position, text)
            } else {
                retries.removeLast()
            }
        }
    }

    /// The end of the character at `position` if it is in the set.
    @inline(__always)
    private static func end(of set: Int, _ pattern: TextPattern, _ text: [UInt8], _ position: Int, _ limit: Int) -> Int? {
        guard position < limit else { return nil }
        let byte = text[position]
        if byte < 0x80 {
            return pattern.asciiBits[2 * set + Int(byte >> 6)] >> UInt64(byte & 63) & 1 != 0 ? position + 1 : nil
        }
        return pattern.sets[set].contains(scalar(text, position)) ? position + length(byte) : nil
    }

    /// The start of the character before `position`.
    private static func before(_ position: Int, _ text: [UInt8]) -> Int {
        var start = position - 1
        while text[start] & 0xC0 == 0x80 { start -= 1 }
        return start
    }

    private static func isWord(_ text: [UInt8], _ position: Int) -> Bool { UnicodeTable.facts(of: scalar(text, position)) & UnicodeTable.word != 0 }

    /// The length of the character that starts with this byte.
    @inline(__always)
    static func length(_ byte: UInt8) -> Int { byte < 0x80 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4 }

    /// The character at `position` of a text in UTF-8.
    @inline(__always)
    static func scalar(_ text: [UInt8], _ position: Int) -> UInt32 {
        let first = UInt32(text[position])
        func more(_ index: Int) -> UInt32 { UInt32(text[position + index] & 0x3F) }
        switch length(text[position]) {
        case 1: return first
        case 2: return (first & 0x1F) << 6 | more(1)
        case 3: return (first & 0x0F) << 12 | more(1) << 6 | more(2)
        default: return (first & 0x07) << 18 | more(1) << 12 | more(2) << 6 | more(3)
        }
    }
}
