import Architectures
internal import QAMFormat

/// Chat templates: programs that are copied as text and never run.
struct ChatTemplates {
    struct Named {
        var name: String
        var text: String
    }

    var main: String?
    /// Further templates, in the order of the file.
    var named: [Named] = []
    private(set) var warnings: [String] = []

    private static let key = "tokenizer.chat_template"
    private static let namesKey = "tokenizer.chat_templates"
}

extension ChatTemplates {
    /// Reads chat_template.jinja, else tokenizer_config.json, else chat_template.json: the precedence used by other loaders.
    init(_ files: TokenizerFiles) throws {
        if let text = try files.text(.chatTemplateText) {
            main = text
            return
        }
        for file in [TokenizerFiles.Name.tokenizerConfig, .chatTemplate] {
            switch files[file]?["chat_template"] {
            case .string(let text)?:
                main = text
                return
            case .array(let elements)?:
                for element in elements {
                    guard case .string(let name)? = element["name"], case .string(let text)? = element["template"] else {
                        throw files.malformed(file, "an element of \"chat_template\" has no name or no template")
                    }
                    add(name, text)
                }
                return
            case .object(let members)?:
                for member in members {
                    guard case .string(let text) = member.value else {
                        throw files.malformed(file, "the template \"\(member.key)\" of \"chat_template\" is not a string")
                    }
                    add(member.key, text)
                }
                return
            case nil, .null?: continue
            default: throw files.malformed(file, "\"chat_template\" is neither text nor a list")
            }
        }
    }

    private mutating func add(_ name: String, _ text: String) {
        guard name != "default" else {
            main = text
            return
        }
        let part = Self.keyPart(name)
        if named.contains(where: { $0.name == part }) {
            warnings.append("the chat template \"\(name)\" is left out: another has its key in GGUF, \(Self.key).\(part)")
        } else {
            named.append(Named(name: part, text: text))
        }
    }

    /// Names become parts of keys, so only ASCII letters and digits are kept.
    private static func keyPart(_ name: String) -> String {
        String(name.map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "_" })
    }

    init(_ metadata: Metadata) throws {
        main = try metadata.tokenizerText(Self.key)
        guard case .array(.string(let names))? = metadata[Self.namesKey] else { return }
        for name in names {
            guard let text = try metadata.tokenizerText("\(Self.key).\(name)") else { continue }
            named.append(Named(name: name, text: text))
        }
    }

    var entries: [Metadata.Entry] {
        var entries = named.map { Metadata.Entry(key: "\(Self.key).\($0.name)", value: .string($0.text)) }
        if !named.isEmpty { entries.append(.init(key: Self.namesKey, value: .array(.string(named.map(\.name))))) }
        if let main { entries.append(.init(key: Self.key, value: .string(main))) }
        return entries
    }

    /// The value for tokenizer_config.json, nil if there is no template.
    var configuration: JSONValue? {
        if named.isEmpty { return main.map { .string($0) } }
        let all = (main.map { [Named(name: "default", text: $0)] } ?? []) + named
        return .array(all.map { ["name": .string($0.name), "template": .string($0.text)] })
    }
}
