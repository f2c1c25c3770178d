import Architectures

/// The tokens that tokenizer.json's post-processor adds around a text.
struct PostProcessor {
    /// The outermost tokens before and after the text; nil if there is none.
    private(set) var first: String?
    private(set) var last: String?
    /// Whether the post-processor determines the tokens around a text.
    private(set) var decides = false
    private(set) var warnings: [String] = []

    init(_ value: JSONValue) {
        let processors = value["type"]?.string == "Sequence" ? value["processors"]?.elements ?? [] : [value]
        for processor in processors {
            switch processor["type"]?.string {
            // It only changes offsets; if it is the only one, no tokens are added.
            case "ByteLevel": decides = true
            case "TemplateProcessing":
                decides = true
                readTemplate(processor["single"]?.elements ?? [])
            case "RobertaProcessing", "BertProcessing":
                decides = true
                first = processor["cls"]?.elements.first?.string
                last = processor["sep"]?.elements.first?.string
            case nil: break
            case let type?: warnings.append("the post-processor \"\(type)\" is left out")
            }
        }
    }

    private mutating func readTemplate(_ pieces: [JSONValue]) {
        let tokens = pieces.map { $0["SpecialToken"]?["id"]?.string }
        guard let text = tokens.firstIndex(of: nil), text == tokens.lastIndex(of: nil) else { return }
        let before = tokens[..<text].compactMap(\.self), after = tokens[(text + 1)...].compactMap(\.self)
        first = before.first
        last = after.last
        if before.count > 1 || after.count > 1 {
            warnings.append("of the tokens around a text only the outermost are kept: \((before + after).joined(separator: " "))")
        }
    }

    /// The value of `post_processor` in tokenizer.json.
    static func json(bos: (text: String, id: Int)?, eos: (text: String, id: Int)?, isByteLevel: Bool) -> JSONValue {
        let byteLevel = PreTokenizer.Step.byteLevel(usesRegex: true).json
        guard bos != nil || eos != nil else { return isByteLevel ? byteLevel : .null }
        func special(_ token: (text: String, id: Int)?, _ type: Int) -> [JSONValue] {
            token.map { [["SpecialToken": ["id": .string($0.text), "type_id": JSONValue(type)]]] } ?? []
        }
        func text(_ id: String, _ type: Int) -> [JSONValue] { [["Sequence": ["id": .string(id), "type_id": JSONValue(type)]]] }
        var known: [JSONValue.Member] = []
        for token in [bos, eos].compactMap(\.self) where !known.contains(where: { $0.key == token.text }) {
            known.append(
                .init(
                    token.text,
                    [
                        "id": .string(token.text), "ids": [JSONValue(token.id)], "tokens": [.string(token.text)],
                    ]))
        }
        let single = special(bos, 0) + text("A", 0) + special(eos, 0)
        let template: JSONValue = [
            "type": "TemplateProcessing",
            "single": .array(single),
            "pair": .array(single + special(bos, 1) + text("B", 1) + special(eos, 1)),
            "special_tokens": .object(known),
        ]
        return isByteLevel ? ["type": "Sequence", "processors": [byteLevel, template]] : template
    }
}
