internal import Architectures
package import QAMFormat

/// The tokenizer of a model, and what the model's files say about its use.
package struct ModelTokenizer: Sendable {
    package let tokenizer: TextTokenizer
    /// The tokens that end a generated text.
    package let ends: Set<UInt32>
    /// The token that begins texts; nil if it is not known.
    package let bosToken: UInt32?
    /// The program that formats conversations; it is never run.
    package let chatTemplate: String?
    package let warnings: [String]

    /// The tokenizer of Hugging Face's files: tokenizer.json, else those that it can be made of. Nil if there is none.
    ///
    /// Throws `malformed` and `unsupported`, with the file. Linear in the files.
    package init?(files: [any EmbeddedFile]) throws {
        let files = try TokenizerFiles(files)
        var special = SpecialTokens()
        if let bytes = try files.bytes(.tokenizer) {
            tokenizer = try TokenizerFiles.place(.tokenizer) {
                let json = try TokenizerJSON(bytes, section: TokenizerFiles.Name.tokenizer.rawValue)
                return try TextTokenizer(json, template: try Self.template(files, json))
            }
            warnings = []
        } else {
            var reader = HuggingFaceTokenizer(files, pre: nil)
            do {
                guard let made = try reader.read() else { return nil }
                tokenizer = try TextTokenizer(TokenizerJSON(made))
                special = made.special
            } catch let unknown as HuggingFaceTokenizer.UnknownKind {
                throw QAMError(.unsupported, "\(unknown.reason); give tokens instead")
            }
            warnings = reader.warnings.map { $0.replacing("GGUF cannot express", with: "encoding leaves out") }
        }
        chatTemplate = try ChatTemplates(files).main
        bosToken = Self.named(.bos, files, tokenizer) ?? special[.bos].map { UInt32($0) } ?? tokenizer.before.first
        let said = [files[.generationConfig]?["eos_token_id"], files.modelSetting("eos_token_id")].lazy.compactMap(Self.ids).first
        ends = Set(said ?? []).union([Self.named(.eos, files, tokenizer) ?? special[.eos].map { UInt32($0) }].compactMap(\.self))
    }

    /// The tokenizer of GGUF's keys; nil if there is none. Throws `malformed` and `unsupported`, with the key.
    package init?(metadata: Metadata) throws {
        guard let keys = try Tokenizer(metadata) else { return nil }
        tokenizer = try TextTokenizer(TokenizerJSON(keys))
        warnings = []
        chatTemplate = keys.chatTemplates.main
        bosToken = keys.special[.bos].map { UInt32($0) }
        ends = Set([SpecialTokens.Role.eos, .eot, .eom].compactMap { keys.special[$0].map { UInt32($0) } })
    }

    private static func ids(_ value: JSONValue?) -> [UInt32]? {
        guard let value, value != .null else { return nil }
        return ([value] + value.elements).compactMap { $0.index.flatMap { UInt32(exactly: $0) } }
    }

    /// The token that tokenizer_config.json gives a role.
    private static func named(_ role: SpecialTokens.Role, _ files: TokenizerFiles, _ tokenizer: TextTokenizer) -> UInt32? {
        [TokenizerFiles.Name.tokenizerConfig, .specialTokens].lazy.compactMap { name -> UInt32? in
            let value = files[name]?["\(role.rawValue)_token"]
            return (value?.string ?? value?["content"]?.string).flatMap(tokenizer.id)
        }.first
    }

    /// What tokenizer_config.json adds around texts where tokenizer.json does not say it.
    private static func template(_ files: TokenizerFiles, _ json: TokenizerJSON) throws -> TokenTemplate {
        func tokens(_ role: SpecialTokens.Role) -> [UInt32] {
            let config = files[.tokenizerConfig], value = config?["\(role.rawValue)_token"]
            guard config?["add_\(role.rawValue)_token"] == true, let text = (value?.string ?? value?["content"]?.string).map(ExactName.init) else { return [] }
            let id = json.addedTokens.first { ExactName($0.text) == text }?.id ?? json.vocabulary.first { ExactName($0.text) == text }?.id
            return id.map { [UInt32($0)] } ?? []
        }
        return TokenTemplate(before: tokens(.bos), after: tokens(.eos))
    }
}
