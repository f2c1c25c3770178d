internal import Architectures
internal import QAMFormat
@_spi(_Unicode) import Swift

/// A step that changes a text before it is cut into words.
enum TextNormalizer: Sendable {
    case composed
    case decomposed
    case lowercased
    case prepended([UInt8])
    case replaced(PartFinder, with: [UInt8])
    /// Without spaces at its start, its end or both.
    case stripped(left: Bool, right: Bool)

    /// The steps of tokenizer.json's normalizer. Throws `unsupported` for one that is not known.
    static func steps(_ value: JSONValue) throws -> [TextNormalizer] {
        switch value["type"]?.string {
        case nil: return []
        case "Sequence": return try (value["normalizers"]?.elements ?? []).flatMap(steps)
        case "NFC": return [.composed]
        case "NFD": return [.decomposed]
        case "Lowercase": return [.lowercased]
        case "Prepend": return [.prepended(Array((value["prepend"]?.string ?? "").utf8))]
        case "Strip": return [.stripped(left: value["strip_left"]?.bool ?? true, right: value["strip_right"]?.bool ?? true)]
        case "Replace":
            guard let pattern = value["pattern"] else { throw TextTokenizer.unsupported("normalizer", value) }
            return [.replaced(try PartFinder(pattern), with: Array((value["content"]?.string ?? "").utf8))]
        default: throw TextTokenizer.unsupported("normalizer", value)
        }
    }

    /// The changed text, in UTF-8 like the text. Linear in the text.
    func applied(to text: [UInt8], _ matcher: inout TextPatternMatcher) throws -> [UInt8] {
        switch self {
        case .composed:
            guard text.contains(where: { $0 >= 0x80 }) else { return text }
            return Self.bytes(String(decoding: text, as: UTF8.self)._nfc)
        case .decomposed:
            guard text.contains(where: { $0 >= 0x80 }) else { return text }
            return Self.bytes(String(decoding: text, as: UTF8.self)._nfd)
        case .lowercased:
            var result: [UInt8] = []
            for scalar in String(decoding: text, as: UTF8.self).unicodeScalars { result += Array(scalar.properties.lowercaseMapping.utf8) }
            return result
        case .prepended(let start): return text.isEmpty ? text : start + text
        case .replaced(let finder, let content):
            var result: [UInt8] = []
            result.reserveCapacity(text.count)
            try finder.forEachPart(text, 0..<text.count, &matcher) { part, isMatch in result += isMatch ? content[...] : text[part] }
            return result
        case .stripped(let left, let right):
            let scalars = Array(String(decoding: text, as: UTF8.self).unicodeScalars)
            let start = left ? scalars.firstIndex { !$0.properties.isWhitespace } ?? scalars.count : 0
            let end = right ? (scalars.lastIndex { !$0.properties.isWhitespace } ?? -1) + 1 : scalars.count
            return Self.bytes(start < end ? scalars[start..<end] : [])
        }
    }

    private static func bytes(_ scalars: some Sequence<Unicode.Scalar>) -> [UInt8] {
        var bytes: [UInt8] = []
        for scalar in scalars { bytes += UTF8.encode(scalar) ?? UTF8.EncodedScalar() }
        return bytes
    }
}
