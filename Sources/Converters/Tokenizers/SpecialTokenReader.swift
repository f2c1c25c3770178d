internal import Architectures
internal import QAMFormat

/// Determines the tokens with special roles, and those added to every text, from Hugging Face's configuration files.
struct SpecialTokenReader {
    let files: TokenizerFiles
    let index: PieceIndex
    private(set) var warnings: [String] = []

    init(_ files: TokenizerFiles, _ index: PieceIndex) {
        self.files = files
        self.index = index
    }

    /// `postProcessor` is tokenizer.json's; nil if there is none.
    mutating func read(into tokenizer: inout Tokenizer, _ postProcessor: PostProcessor?) {
        let first = postProcessor?.first, last = postProcessor?.last
        let around = [SpecialTokens.Role.bos: first, .eos: last].compactMapValues { text in text.flatMap { index[$0] } }
        for role in SpecialTokens.Role.named {
            if let id = namedID(of: role) ?? around[role] ?? configuredID(of: role) { tokenizer.special[role] = id }
        }
        tokenizer.addsBOS = adds(first, tokenizer.special[.bos], "add_bos_token", postProcessor)
        tokenizer.addsEOS = adds(last, tokenizer.special[.eos], "add_eos_token", postProcessor)
        warnings += postProcessor?.warnings ?? []
        let texts = tokenizer.tokens
        tokenizer.special.assignEndings(endings) { texts[$0].text }
    }

    /// Determined by the token's text in the tokenizer's files.
    private func namedID(of role: SpecialTokens.Role) -> Int? {
        for file in [TokenizerFiles.Name.tokenizerConfig, .specialTokens] {
            let value = files[file]?["\(role.rawValue)_token"]
            if let text = value?.string ?? value?["content"]?.string, let id = index[text] { return id }
        }
        return nil
    }

    /// Determined by the id in the model's files, which may be another tokenizer's.
    private func configuredID(of role: SpecialTokens.Role) -> Int? {
        let key = "\(role.rawValue)_token_id"
        for value in [files.modelSetting(key), files[.generationConfig]?[key]] {
            if let id = value?.index ?? value?.elements.first?.index, id < index.count { return id }
        }
        return nil
    }

    /// All tokens that end generation.
    private var endings: [Int] {
        [files[.generationConfig]?["eos_token_id"], files.modelSetting("eos_token_id")].flatMap { value in
            (value?.elements ?? []).compactMap(\.index).filter { $0 < index.count }
        }
    }

    /// Whether the token is added to texts. tokenizer.json takes precedence over the configuration.
    private mutating func adds(_ text: String?, _ id: Int?, _ key: String, _ postProcessor: PostProcessor?) -> Bool? {
        let configured = files[.tokenizerConfig]?[key]?.bool
        guard let postProcessor else { return configured }
        guard postProcessor.decides else { return configured ?? false }
        guard let text else { return false }
        if index[text] == id { return true }
        warnings.append("\"\(text)\" stands beside every text, but is not what \(key.split(separator: "_")[1]) names: it is left out")
        return false
    }
}
