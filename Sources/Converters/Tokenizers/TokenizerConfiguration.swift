import Architectures

/// Generates the small files that accompany tokenizer.json.
struct TokenizerConfiguration {
    private let tokenizer: Tokenizer

    init(_ tokenizer: Tokenizer) { self.tokenizer = tokenizer }

    /// tokenizer_config.json. The class is the one that uses tokenizer.json as is.
    var tokenizerConfig: [UInt8] {
        var cleansSpaces = false
        if case .byteLevel(let pre) = tokenizer.kind { cleansSpaces = pre.traits.contains(.cleansSpaces) }
        var members: [JSONValue.Member] = []
        if let adds = tokenizer.addsBOS { members.append(.init("add_bos_token", .bool(adds))) }
        if let adds = tokenizer.addsEOS { members.append(.init("add_eos_token", .bool(adds))) }
        members += named
        if let templates = tokenizer.chatTemplates.configuration { members.append(.init("chat_template", templates)) }
        members.append(.init("clean_up_tokenization_spaces", .bool(cleansSpaces)))
        members.append(.init("tokenizer_class", "PreTrainedTokenizerFast"))
        return text(members)
    }

    /// special_tokens_map.json.
    var specialTokensMap: [UInt8] { text(named) }

    /// generation_config.json; nil if it would name no token.
    var generationConfig: [UInt8]? {
        let special = tokenizer.special
        let endings = [SpecialTokens.Role.eos, .eot, .eom].compactMap { special[$0] }
        let distinct = endings.enumerated().filter { !endings[..<$0].contains($1) }.map { JSONValue($1) }
        var members: [JSONValue.Member] = []
        if let bos = special[.bos] { members.append(.init("bos_token_id", JSONValue(bos))) }
        if let only = distinct.first { members.append(.init("eos_token_id", distinct.count == 1 ? only : .array(distinct))) }
        if let pad = special[.pad] { members.append(.init("pad_token_id", JSONValue(pad))) }
        return members.isEmpty ? nil : text(members)
    }

    private var named: [JSONValue.Member] {
        SpecialTokens.Role.named.compactMap { role in
            tokenizer.special[role].map { .init("\(role.rawValue)_token", .string(tokenizer.tokens[$0].text)) }
        }
    }

    private func text(_ members: [JSONValue.Member]) -> [UInt8] {
        Array((JSONWriter.text(.object(members), pretty: true) + "\n").utf8)
    }
}
