internal import Architectures
internal import QAMFormat

/// What tokens mean as text: tokenizer.json's decoders.
struct TokenDecoder: Sendable {
    enum Step {
        case replace([UInt8], with: [UInt8])
        case byteFallback, byteLevel
        case metaspace([UInt8], dropsFirst: Bool)
    }

    /// Steps on each token.
    let steps: [Step]
    /// The character that is stripped, at most so often, from the start and the end of the text.
    private(set) var stripped: (character: [UInt8], start: Int, stop: Int) = ([], 0, 0)
    /// Whether there is a space between tokens: where there is no decoder.
    let separatesTokens: Bool

    /// Throws `unsupported` for decoders that are not known, and where they stand in an order that is not.
    init(_ value: JSONValue) throws {
        separatesTokens = value == .null
        var steps: [Step] = [], isFused = false
        for decoder in value["decoders"]?.elements ?? [value] {
            func text(_ key: String) -> [UInt8] { Array((decoder[key]?.string ?? "").utf8) }
            switch decoder["type"]?.string {
            case nil: break
            case "Fuse": isFused = true
            case "Strip" where isFused && stripped.character.isEmpty:
                stripped = (text("content"), decoder["start"]?.index ?? 0, decoder["stop"]?.index ?? 0)
            case "Replace" where !isFused:
                guard let wanted = decoder["pattern"]?["String"]?.string else { throw TextTokenizer.unsupported("decoder", decoder) }
                steps.append(.replace(Array(wanted.utf8), with: text("content")))
            case "ByteFallback" where !isFused: steps.append(.byteFallback)
            case "ByteLevel": steps.append(.byteLevel)
            case "Metaspace" where !isFused:
                let scheme = decoder["prepend_scheme"]?.string ?? (decoder["add_prefix_space"]?.bool ?? true ? "always" : "never")
                steps.append(.metaspace(Array((decoder["replacement"]?.string ?? String(Tokenizer.spaceMark)).utf8), dropsFirst: scheme != "never"))
            default: throw TextTokenizer.unsupported("decoder", decoder)
            }
        }
        self.steps = steps
    }

    /// What one token contributes.
    enum Part {
        case text([UInt8])
        /// Bytes that form characters with those of the tokens beside.
        case bytes([UInt8])
    }

    /// - Parameter isFirst: whether it is the first token of a text.
    func part(_ token: String, isFirst: Bool) -> Part {
        var bytes = Array(token.utf8)
        for step in steps {
            switch step {
            case .replace(let wanted, let content): bytes = Self.replaced(bytes, wanted, content)
            case .byteFallback:
                if AddedTokens.isByte(String(decoding: bytes, as: UTF8.self)), let byte = UInt8(String(decoding: bytes[3..<5], as: UTF8.self), radix: 16) {
                    return .bytes([byte])
                }
            case .byteLevel: bytes = ByteCharacters.bytes(String(decoding: bytes, as: UTF8.self)) ?? bytes
            case .metaspace(let mark, let dropsFirst): bytes = Self.replaced(bytes, mark, isFirst && dropsFirst ? [] : [0x20])
            }
        }
        return .text(bytes)
    }

    private static func replaced(_ text: [UInt8], _ wanted: [UInt8], _ content: [UInt8]) -> [UInt8] {
        guard let first = wanted.first, text.contains(first) else { return text }
        var result: [UInt8] = [], position = 0
        while position < text.count {
            if text[position...].starts(with: wanted) {
                result += content
                position += wanted.count
            } else {
                result.append(text[position])
                position += 1
            }
        }
        return result
    }
}
