import Architectures
internal import QAMFormat

/// Reads a tokenizer from Hugging Face's files.
struct HuggingFaceTokenizer {
    /// A tokenizer of a kind that GGUF's keys cannot represent; no option would change that.
    struct UnknownKind: Error {
        var reason: String
    }

    private let files: TokenizerFiles
    /// The pre-tokenizer of a byte-level tokenizer, overriding tokenizer.json.
    private let pre: PreTokenizer?
    private(set) var warnings: [String] = []

    init(_ files: TokenizerFiles, pre: PreTokenizer?) {
        self.files = files
        self.pre = pre
    }

    /// The tokenizer; nil if the files contain none. Throws `UnknownKind`, and `QAMError` like `TokenizerConversion.ggufMetadata`.
    mutating func read() throws -> Tokenizer? {
        let json = try files.bytes(.tokenizer).map { bytes in
            try TokenizerFiles.place(.tokenizer) { try TokenizerJSON(bytes, section: TokenizerFiles.Name.tokenizer.rawValue) }
        }
        guard var tokenizer = try json.map({ try read($0) }) ?? readModel() ?? readVocabulary() ?? readTekken() else { return nil }
        tokenizer.chatTemplates = try ChatTemplates(files)
        warnings += tokenizer.chatTemplates.warnings
        return tokenizer
    }

    private mutating func read(_ json: TokenizerJSON) throws -> Tokenizer {
        guard json.modelType == "BPE", json.foreignSetting == nil else {
            let what = json.foreignSetting.map { "with \"\($0)\"" } ?? "of the type \"\(json.modelType)\""
            throw UnknownKind(reason: "a tokenizer \(what) cannot be written; BPE over bytes and SentencePiece's BPE can")
        }
        var vocabulary = VocabularyBuilder(.tokenizer)
        for (text, id) in json.vocabulary {
            try vocabulary.check(text, at: id)
            vocabulary.set(.init(text: text, type: .normal), at: id)
        }
        if json.preTokenizer.names("ByteLevel") { return try byteLevel(json, &vocabulary) }
        guard json.hasByteFallback else { throw UnknownKind(reason: "the tokenizer neither works on bytes nor falls back to them") }
        return try pieces(json, &vocabulary)
    }

    private mutating func byteLevel(_ json: TokenizerJSON, _ vocabulary: inout VocabularyBuilder) throws -> Tokenizer {
        let modelType = files.modelSetting("model_type")?.string
        let pre = try pre ?? .recognized(json.preTokenizer, ignoresMerges: json.ignoresMerges, modelType: modelType)
        if let merge = json.merges.first(where: { $0.left.utf8.contains(0x20) || $0.right.utf8.contains(0x20) }) {
            throw UnknownKind(reason: "the merge of \"\(merge.left)\" and \"\(merge.right)\" holds a space, which GGUF's merges cannot")
        }
        if json.ignoresMerges != pre.traits.contains(.ignoresMerges) {
            warnings.append(
                "tokenizer.json \(json.ignoresMerges ? "takes" : "does not take") words that are tokens as they are, and loaders of "
                    + "\"\(pre.name)\" do it the other way: some texts will be encoded differently")
        }
        if JSONWriter.text(json.preTokenizer).contains("\"add_prefix_space\":true") {
            warnings.append(Self.prefixWarning)
        }
        // NFC does not affect texts as usually written, and no GGUF loader applies it.
        warn(of: json.normalizers.filter { $0["type"]?.string != "NFC" })
        return try finish(json, &vocabulary, .byteLevel(pre)) { $0.merges = json.merges }
    }

    /// SentencePiece's BPE from tokenizer.json: merges instead of scores.
    private mutating func pieces(_ json: TokenizerJSON, _ vocabulary: inout VocabularyBuilder) throws -> Tokenizer {
        try refusePreTokenizer()
        let added = Set(json.addedTokens.map(\.id))
        for (text, id) in json.vocabulary {
            guard var token = vocabulary[id] else { continue }
            // Added tokens are not merged; their types must be set before scores are computed.
            if added.contains(id) { token.type = .userDefined }
            if let unknown = json.unknownToken, ExactName(text) == ExactName(unknown) { token.type = .unknown }
            if AddedTokens.isByte(text) { token.type = .byte }
            vocabulary.set(token, at: id)
        }
        try addScores(json, to: &vocabulary)
        warn(of: json.normalizers.filter { !TokenizerJSON.marksSpaces($0) })
        if let step = json.preTokenizers.first(where: { !json.keepsPiecesWhole($0) }) {
            warnings.append("GGUF cannot express how the pre-tokenizer \(JSONWriter.text(step)) cuts texts: some texts will be encoded differently")
        }
        let addsSpacePrefix = json.addsSpacePrefix
        return try finish(json, &vocabulary, .sentencePiece) { $0.addsSpacePrefix = addsSpacePrefix }
    }

    private mutating func finish(
        _ json: TokenizerJSON, _ vocabulary: inout VocabularyBuilder, _ kind: Tokenizer.Kind, _ adjust: (inout Tokenizer) -> Void
    ) throws -> Tokenizer {
        var isPieces = true
        if case .byteLevel = kind { isPieces = false }
        let original = PieceIndex(json.vocabulary.lazy.map(\.text))
        let added = try AddedTokens(json, original, files)
        try added.add(to: &vocabulary, isPieces: isPieces, replacing: false)
        if let warning = added.numberingWarning(json, original) { warnings.append(warning) }
        for type in json.foreignDecoders {
            warnings.append("GGUF cannot express what the decoder \"\(type)\" does: some generated texts will differ")
        }
        let restricted = json.addedTokens.filter(\.isRestricted).map { "\"\($0.text)\"" }
        if !restricted.isEmpty {
            warnings.append(
                "GGUF cannot express that these tokens take spaces beside them along, or stand alone: "
                    + restricted.prefix(4).joined(separator: ", ") + (restricted.count > 4 ? ", ..." : ""))
        }
        return try finish(vocabulary, kind, PostProcessor(json.postProcessor)) { tokenizer, index in
            tokenizer.special[.unk] = json.unknownToken.flatMap { index[$0] }
            adjust(&tokenizer)
        }
    }

    private mutating func finish(
        _ vocabulary: VocabularyBuilder, _ kind: Tokenizer.Kind, _ postProcessor: PostProcessor?,
        _ adjust: (inout Tokenizer, PieceIndex) -> Void
    ) throws -> Tokenizer {
        let (tokens, index, cut) = try vocabulary.build(size: try files.vocabularySize())
        var tokenizer = Tokenizer(kind: kind, tokens: tokens)
        adjust(&tokenizer, index)
        // Merges of or into tokens that were cut off would contradict the vocabulary.
        if !cut.isEmpty {
            tokenizer.merges.removeAll { index[$0.left] == nil || index[$0.right] == nil || index[$0.left + $0.right] == nil }
        }
        var reader = SpecialTokenReader(files, index)
        reader.read(into: &tokenizer, postProcessor)
        warnings += cut + reader.warnings
        return tokenizer
    }

    /// The scores and types of tokenizer.model if it has the same pieces, else scores derived from the merges.
    private mutating func addScores(_ json: TokenizerJSON, to vocabulary: inout VocabularyBuilder) throws {
        if let model = try sentencePieceModel(), model.isBytePairEncoding {
            let different = model.tokens.indices.first { id in
                vocabulary[id].map { ExactName($0.text) != ExactName(model.tokens[id].text) } ?? false
            }
            guard let different else {
                for (text, id) in json.vocabulary { vocabulary.set(.init(text: text, type: .normal, score: AddedTokens.score), at: id) }
                for (id, token) in model.tokens.enumerated() { vocabulary.set(token, at: id) }
                return
            }
            warnings.append(
                "tokenizer.model and tokenizer.json differ at token \(different): scores are made from tokenizer.json's merges")
        }
        let (tokens, index, _) = try vocabulary.build(size: nil)
        let (scores, unlisted) = try PieceMerges.scores(json.merges, tokens, index)
        for (_, id) in json.vocabulary {
            guard var token = vocabulary[id] else { continue }
            token.score = scores[id]
            vocabulary.set(token, at: id)
        }
        if unlisted > 0 {
            warnings.append(
                "\(unlisted) tokens can be joined from tokens that no merge joins, which SentencePiece would do: "
                    + "some texts may be encoded differently")
        }
    }

    /// SentencePiece's BPE from its own file, supplemented from other files.
    private mutating func readModel() throws -> Tokenizer? {
        guard let model = try sentencePieceModel() else { return nil }
        try refusePreTokenizer()
        guard model.isBytePairEncoding else {
            throw UnknownKind(
                reason: "the pieces of \(TokenizerFiles.Name.sentencePiece.rawValue) are not joined by BPE, but chosen by likelihood, which cannot be written")
        }
        guard model.tokens.contains(where: { $0.type == .byte }) else {
            throw UnknownKind(
                reason: "\(TokenizerFiles.Name.sentencePiece.rawValue) has no byte tokens, which GGUF loaders use for characters outside the vocabulary")
        }
        warnings += model.notExpressed.map {
            "GGUF cannot express that \(TokenizerFiles.Name.sentencePiece.rawValue) \($0): some texts will be encoded differently"
        }
        var vocabulary = VocabularyBuilder(.sentencePiece)
        for (id, token) in model.tokens.enumerated() { vocabulary.set(token, at: id) }
        try AddedTokens(files).add(to: &vocabulary, isPieces: true, replacing: true)
        let addsSpacePrefix = files[.tokenizerConfig]?["add_prefix_space"]?.bool ?? model.addsSpacePrefix
        return try finish(vocabulary, .sentencePiece, nil) { tokenizer, _ in
            tokenizer.special = model.special.within(tokenizer.tokens.count)
            tokenizer.addsSpacePrefix = addsSpacePrefix
        }
    }

    /// Byte-level BPE from vocab.json and merges.txt.
    private mutating func readVocabulary() throws -> Tokenizer? {
        guard let old = try VocabularyFiles(files) else { return nil }
        guard let steps = pre?.json ?? old.preTokenizer else {
            throw UnknownKind(
                reason: "vocab.json and merges.txt do not say how a tokenizer of the class \"\(old.className ?? "")\" cuts texts; save tokenizer.json "
                    + "with transformers, or name a pre-tokenizer with --tokenizer-pre")
        }
        let json = TokenizerJSON(
            vocabulary: old.vocabulary, merges: old.merges, addedTokens: old.addedTokens, preTokenizer: steps,
            ignoresMerges: pre?.traits.contains(.ignoresMerges) ?? false)
        var vocabulary = VocabularyBuilder(.vocabulary)
        for (text, id) in json.vocabulary {
            try vocabulary.check(text, at: id)
            vocabulary.set(.init(text: text, type: .normal), at: id)
        }
        if files[.tokenizerConfig]?["add_prefix_space"] == true { warnings.append(Self.prefixWarning) }
        return try byteLevel(json, &vocabulary)
    }

    private static let prefixWarning = "GGUF cannot express that a byte-level tokenizer begins with a space: texts will be encoded differently"

    /// Mistral's tokenizer.
    private mutating func readTekken() throws -> Tokenizer? {
        guard let bytes = try files.bytes(.tekken) else { return nil }
        let tekken = try TokenizerFiles.place(.tekken) { try TekkenFile(bytes, section: TokenizerFiles.Name.tekken.rawValue) }
        var vocabulary = VocabularyBuilder(.tekken)
        for (id, text) in tekken.special.enumerated() { vocabulary.set(.init(text: text, type: .control), at: id) }
        for (rank, text) in tekken.tokens.enumerated() { vocabulary.set(.init(text: text, type: .normal), at: tekken.special.count + rank) }
        let steps = PreTokenizer("", [.split(tekken.pattern), .byteLevel(usesRegex: false)]).json
        let pre = try pre ?? .recognized(steps, ignoresMerges: true, modelType: nil)
        let merges = try tekken.merges
        var tokenizer = try finish(vocabulary, .byteLevel(pre), nil) { tokenizer, index in
            tokenizer.merges = merges
            for (role, text) in TekkenFile.roles where tokenizer.special[role] == nil { tokenizer.special[role] = index[text] }
        }
        tokenizer.addsBOS = true
        tokenizer.addsEOS = false
        return tokenizer
    }

    private func sentencePieceModel() throws -> SentencePieceModel? {
        try files.bytes(.sentencePiece).map { bytes in
            try TokenizerFiles.place(.sentencePiece) { try SentencePieceModel(bytes, section: TokenizerFiles.Name.sentencePiece.rawValue) }
        }
    }

    private func refusePreTokenizer() throws {
        guard let pre else { return }
        throw QAMError(.invalidArgument, "the tokenizer is SentencePiece's, which has no pre-tokenizer \"\(pre.name)\"")
    }

    private mutating func warn(of normalizers: [JSONValue]) {
        for type in normalizers.compactMap({ $0["type"]?.string }) {
            warnings.append("GGUF cannot express what the normalizer \"\(type)\" does: some texts will be encoded differently")
        }
    }
}
