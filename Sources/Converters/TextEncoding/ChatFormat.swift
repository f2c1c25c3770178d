internal import QAMFormat

/// How a model was trained to converse: one of the known formats, recognized by the marks in its chat template. The template itself, a program, is never run.
package struct ChatFormat: Sendable {
    package struct Message: Sendable {
        package enum Role: String, Sendable { case system, user, assistant }

        package var role: Role
        package var text: String

        package init(role: Role, text: String) { (self.role, self.text) = (role, text) }
    }

    private enum Kind {
        case chatML, llama3, llama2, mistral, gemma, phi3, phi4
    }

    private let kind: Kind
    private let template: String

    /// The formats, by the marks that all have to be in the template, the more special first.
    private static let known: [(Kind, [String])] = [
        (.phi4, ["<|im_start|>", "<|im_sep|>"]), (.chatML, ["<|im_start|>", "<|im_end|>"]), (.llama3, ["<|start_header_id|>", "<|eot_id|>"]),
        (.gemma, ["<start_of_turn>", "<end_of_turn>"]), (.llama2, ["[INST]", "<<SYS>>"]), (.mistral, ["[INST]", "[/INST]"]),
        (.phi3, ["<|end|>", "<|assistant|>"]),
    ]

    /// Throws `unsupported` if there is no template, or one of another format.
    package init(template: String?) throws {
        guard let template else {
            throw QAMError(.unsupported, "the model has no chat template, which would say how it converses; give a --prompt without --chat")
        }
        guard let kind = Self.known.first(where: { $0.1.allSatisfy(template.contains) })?.0 else {
            throw QAMError(
                .unsupported,
                "the model's chat template is of none of the known formats (ChatML, Llama 2 and 3, Mistral, Gemma, Phi 3 and 4); "
                    + "format the conversation yourself and give it as --prompt without --chat")
        }
        (self.kind, self.template) = (kind, template)
    }

    /// The texts of the tokens that end an answer.
    private var ends: [String] {
        switch kind {
        case .chatML, .phi4: ["<|im_end|>"]
        case .llama3: ["<|eot_id|>", "<|eom_id|>"]
        case .gemma: ["<end_of_turn>"]
        case .llama2, .mistral: ["</s>"]
        case .phi3: ["<|end|>"]
        }
    }

    /// The tokens that end an answer of the model.
    package func ends(_ model: ModelTokenizer) -> Set<UInt32> { model.ends.union(ends.compactMap(model.tokenizer.id)) }

    /// The messages that stand before the first of a user: `system`, else what the template itself says.
    package func opening(system: String?) -> [Message] {
        guard let text = system ?? defaultSystem else { return [] }
        return [Message(role: .system, text: text)]
    }

    /// The system message that a template of ChatML puts where none is given.
    private var defaultSystem: String? {
        guard kind == .chatML else { return nil }
        for start in ["<|im_start|>system\\n", "<|im_start|>system\n"] {
            for part in template.split(separator: start, omittingEmptySubsequences: false).dropFirst() {
                guard let text = part.split(separator: "<|im_end|>", omittingEmptySubsequences: false).first, !text.isEmpty else { continue }
                // Whatever has quotes or braces is a part of the program.
                if !text.contains(where: { "'\"{}".contains($0) }) { return String(text.replacing("\\n", with: "\n")) }
            }
        }
        return nil
    }

    /// The tokens of a conversation, up to where the model answers. Throws what encoding throws.
    package func tokens(_ messages: [Message], _ model: ModelTokenizer) throws -> [UInt32] {
        let bos = model.bosToken.flatMap { id in model.tokenizer.text(of: id).map { (id: id, text: $0) } }
        let text = rendered(messages, bos: bos?.text ?? "")
        let ids = try model.tokenizer.encode(Array(text.utf8), isWhole: false)
        // Of some models the mark that begins a message is BOS, too: then the text has it.
        guard let bos, template.contains("bos_token") || template.contains(bos.text), !text.hasPrefix(bos.text) else { return ids }
        return [bos.id] + ids
    }

    /// The text of a conversation, without the token that begins it.
    package func rendered(_ messages: [Message], bos: String) -> String {
        switch kind {
        case .chatML: each(messages, { "<|im_start|>\($0)\n" }, "<|im_end|>\n")
        case .phi4: each(messages, { "<|im_start|>\($0)<|im_sep|>" }, "<|im_end|>")
        case .phi3:
            ["|>\\n", "|>' + '\\n", "|>\n", "|>\" + \"\\n"].contains(where: template.contains)
                ? each(messages, { "<|\($0)|>\n" }, "<|end|>\n") : each(messages, { "<|\($0)|>" }, "<|end|>")
        case .llama3: each(withKnowledgeDate(messages), { "<|start_header_id|>\($0)<|end_header_id|>\n\n" }, "<|eot_id|>", trims: true)
        case .gemma: each(joiningSystem(messages), { "<start_of_turn>\($0 == "assistant" ? "model" : $0)\n" }, "<end_of_turn>\n", trims: true)
        case .llama2: llama2(messages, bos)
        case .mistral: mistral(messages)
        }
    }

    private func each(_ messages: [Message], _ head: (String) -> String, _ end: String, trims: Bool = false) -> String {
        messages.map { head($0.role.rawValue) + (trims ? Self.trimmed($0.text) : $0.text) + end }.joined() + head("assistant")
    }

    /// Templates since Llama 3.1 tell the model dates, where none is given this one.
    private func withKnowledgeDate(_ messages: [Message]) -> [Message] {
        guard template.contains("Cutting Knowledge Date: December 2023") else { return messages }
        let system = messages.first.flatMap { $0.role == .system ? Self.trimmed($0.text) : nil }
        let dates = "Cutting Knowledge Date: December 2023\nToday Date: 26 Jul 2024\n\n"
        return [Message(role: .system, text: dates + (system ?? ""))] + messages.dropFirst(system == nil ? 0 : 1)
    }

    /// The system message as the beginning of the first of the user.
    private func joiningSystem(_ messages: [Message]) -> [Message] {
        guard let system = messages.first, system.role == .system, messages.count > 1 else { return messages }
        return [Message(role: .user, text: "\(system.text)\n\n\(messages[1].text)")] + messages.dropFirst(2)
    }

    private func llama2(_ messages: [Message], _ bos: String) -> String {
        var text = "", system = ""
        for message in messages {
            switch message.role {
            case .system: system = "<<SYS>>\n\(Self.trimmed(message.text))\n<</SYS>>\n\n"
            case .user:
                text += (text.isEmpty ? "" : bos) + "[INST] \(Self.trimmed(system + message.text)) [/INST]"
                system = ""
            case .assistant: text += " \(Self.trimmed(message.text)) </s>"
            }
        }
        return text
    }

    /// Versions differ in spaces, and in where the system message stands.
    private func mistral(_ messages: [Message]) -> String {
        let open = template.contains("[INST] ") ? "[INST] " : "[INST]", close = template.contains(" [/INST]") ? " [/INST]" : "[/INST]"
        let space = ["' ' + message", "\" \" + message"].contains(where: template.contains) ? " " : ""
        var text = "", messages = messages[...]
        if let system = messages.first, system.role == .system, template.contains("[SYSTEM_PROMPT]") {
            text = "[SYSTEM_PROMPT]\(system.text)[/SYSTEM_PROMPT]"
            messages = messages.dropFirst()
        }
        for message in joiningSystem(Array(messages)) {
            text += message.role == .assistant ? "\(space)\(message.text)</s>" : "\(open)\(message.text)\(close)"
        }
        return text
    }

    private static func trimmed(_ text: String) -> String {
        let start = text.drop(while: \.isWhitespace)
        return String(start[..<(start.lastIndex { !$0.isWhitespace }.map(start.index(after:)) ?? start.startIndex)])
    }
}
