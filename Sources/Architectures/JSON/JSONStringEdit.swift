import QAMFormat

/// Replaces strings in a JSON text and preserves every other byte, so that hand-written files keep their order, spacing and numbers.
package enum JSONStringEdit {
    /// Replaces string members of objects. `replacement` is called with a member's path of keys and its value; nil keeps the value. Strings
    /// in arrays are kept. Throws `malformed`.
    package static func replacing(in bytes: [UInt8], _ replacement: (_ path: [String], _ value: String) -> String?) throws -> [UInt8] {
        // Python writes NaN and Infinity.
        var reader = JSONReader(bytes, section: "JSON", takingNonFinite: true)
        var edits: [(range: Range<Int>, text: String)] = []
        try visit(&reader, []) { path, value, range in
            if let text = replacement(path, value), text != value { edits.append((range, text)) }
        }
        try reader.end()
        var result = bytes
        for edit in edits.reversed() { result.replaceSubrange(edit.range, with: JSONWriter.text(.string(edit.text)).utf8) }
        return result
    }

    private static func visit(
        _ reader: inout JSONReader, _ path: [String], _ body: (_ path: [String], _ value: String, _ range: Range<Int>) -> Void
    ) throws {
        switch try reader.peek() {
        case .object: try reader.object { reader, key in try visit(&reader, path + [key], body) }
        case .string:
            let start = reader.position
            let value = try reader.string()
            body(path, value, start..<reader.position)
        default: try reader.skip()
        }
    }
}
