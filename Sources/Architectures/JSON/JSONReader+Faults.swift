import QAMFormat

/// Names common errors of hand-written JSON.
extension JSONReader {
    /// The error if `what` was expected and not found.
    func unexpected(_ what: String) -> QAMError {
        malformed(fault ?? "\(what) is expected here")
    }

    /// A common error at the position.
    private var fault: String? {
        // In UTF-16 an ASCII brace is accepted, and the error occurs at the zero byte after it.
        if position < 2, let mark = Self.encodingFault(bytes) { return mark }
        guard position < bytes.count else { return nil }
        let rest = bytes[position...]
        switch bytes[position] {
        case UInt8(ascii: "#"): return Self.comment
        case UInt8(ascii: "/") where ["//", "/*"].contains(where: { rest.starts(with: $0.utf8) }): return Self.comment
        case UInt8(ascii: "'"): return "JSON's strings stand in double quotes"
        case UInt8(ascii: "}"), UInt8(ascii: "]"):
            guard previous == UInt8(ascii: ",") else { return nil }
            return "a comma stands before this end, which JSON does not allow: remove the comma"
        case UInt8(ascii: "N"), UInt8(ascii: "I"), UInt8(ascii: "-"):
            return Self.starts(rest, "NaN", "Infinity", "-Infinity") ? "JSON has no NaN and no Infinity" : nil
        case UInt8(ascii: "T"), UInt8(ascii: "F"):
            return Self.starts(rest, "True", "False") ? "this is Python's way to write it; JSON has true, false and null" : nil
        default: return nil
        }
    }

    private static let comment = "JSON has no comments: remove this one"

    private static func starts(_ bytes: ArraySlice<UInt8>, _ words: String...) -> Bool { words.contains { bytes.starts(with: $0.utf8) } }

    private static func encodingFault(_ bytes: [UInt8]) -> String? {
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { return "the text begins with a byte order mark, which JSON does not allow: save it as UTF-8 without one" }
        let isUTF16 = bytes.starts(with: [0xFF, 0xFE]) || bytes.starts(with: [0xFE, 0xFF]) || bytes.count > 1 && (bytes[0] == 0) != (bytes[1] == 0)
        return isUTF16 ? "the text is UTF-16, and JSON is UTF-8: save it as that" : nil
    }

    /// The last byte before the position that is not white space.
    private var previous: UInt8? { bytes[..<position].last { ![0x20, 0x09, 0x0A, 0x0D].contains($0) } }

    /// Both count from 1; columns count characters, not bytes.
    var lineAndColumn: String {
        let before = bytes[..<min(position, bytes.count)]
        let start = before.lastIndex(of: 0x0A).map { $0 + 1 } ?? 0
        let line = before.reduce(1) { $0 + ($1 == 0x0A ? 1 : 0) }
        let column = before[start...].reduce(1) { $0 + ($1 & 0xC0 == 0x80 ? 0 : 1) }
        return "line \(line), column \(column)"
    }
}
