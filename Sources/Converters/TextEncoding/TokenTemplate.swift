internal import Architectures
internal import QAMFormat

/// The tokens that stand around every text: tokenizer.json's post-processors.
struct TokenTemplate {
    private(set) var before: [UInt32] = []
    private(set) var after: [UInt32] = []
    /// Whether the file says which tokens these are.
    private(set) var isSaid = false

    init(before: [UInt32], after: [UInt32]) { (self.before, self.after) = (before, after) }

    /// Throws `unsupported` for processors that are not known, `malformed` for tokens without ids.
    init(_ value: JSONValue) throws {
        for processor in value["type"]?.string == "Sequence" ? value["processors"]?.elements ?? [] : [value] {
            switch processor["type"]?.string {
            case nil: break
            // It changes offsets only.
            case "ByteLevel": isSaid = true
            case "TemplateProcessing": try read(processor)
            case "RobertaProcessing", "BertProcessing":
                before = [try Self.id(processor["cls"]?.elements.last)] + before
                after.append(try Self.id(processor["sep"]?.elements.last))
                isSaid = true
            default: throw TextTokenizer.unsupported("post-processor", processor)
            }
        }
    }

    private mutating func read(_ processor: JSONValue) throws {
        var early: [UInt32] = [], late: [UInt32] = [], texts = 0
        for piece in processor["single"]?.elements ?? [] {
            if piece["Sequence"] != nil { texts += 1 }
            guard let name = piece["SpecialToken"]?["id"]?.string else { continue }
            let ids = try (processor["special_tokens"]?[name]?["ids"]?.elements ?? []).map { try Self.id($0) }
            guard !ids.isEmpty else { throw Self.malformed("\"post_processor\" names \"\(name)\", but no ids of it") }
            if texts == 0 { early += ids } else { late += ids }
        }
        guard texts == 1 else { throw TextTokenizer.unsupported("post-processor", processor) }
        (before, after, isSaid) = (early + before, after + late, true)
    }

    private static func id(_ value: JSONValue?) throws -> UInt32 {
        guard let id = value?.index, id < Tokenizer.maximumCount else { throw malformed("\"post_processor\" has a token without an id") }
        return UInt32(id)
    }

    private static func malformed(_ message: String) -> QAMError { QAMError(.malformed, message, at: .init(file: TokenizerFiles.Name.tokenizer.rawValue)) }
}
