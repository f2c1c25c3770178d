package import QAMFormat

/// Carries a tokenizer between Hugging Face's files and GGUF's `tokenizer.*` keys, so that both encode texts alike.
package enum TokenizerConversion {
    /// GGUF's keys, in the order in which the peers write them, from tokenizer.json or tokenizer.model and the
    /// configuration files beside it. The vocabulary gets config.json's `vocab_size`, since loaders want a token for each row of
    /// the embedding matrix. Without a tokenizer, or with one
    /// that is neither BPE over bytes nor SentencePiece's BPE, there are no keys and a warning.
    ///
    /// `pre` names a byte-level tokenizer's pre-tokenizer in place of what tokenizer.json says. Throws `malformed` with file
    /// and offset, `unsupported` for a pre-tokenizer that no loader knows, and `invalidArgument` for a `pre` that is not known.
    ///
    /// Time and memory are linear in the files.
    package static func ggufMetadata(
        files: [any EmbeddedFile], pre: String? = nil
    ) throws -> (entries: [Metadata.Entry], warnings: [String]) {
        var reader = HuggingFaceTokenizer(try TokenizerFiles(files), pre: try pre.map(PreTokenizer.named))
        let found: Tokenizer?
        do {
            found = try reader.read()
        } catch let unknown as HuggingFaceTokenizer.UnknownKind {
            return ([], ["\(unknown.reason): the output has no tokenizer, and takes token ids only; keep its files for the way back"])
        }
        guard let tokenizer = found else {
            let names = [TokenizerFiles.Name.tokenizer, .sentencePiece].map(\.rawValue).joined(separator: " nor ")
            return ([], ["there is neither \(names), so the output has no tokenizer"])
        }
        return (tokenizer.entries, reader.warnings)
    }

    /// tokenizer.json, tokenizer_config.json, special_tokens_map.json and generation_config.json from GGUF's keys; none where
    /// there is no tokenizer. A chat template stands in tokenizer_config.json.
    ///
    /// Throws `malformed` with the key in question, and `unsupported` for kinds of tokenizers that Hugging Face's BPE is not.
    package static func huggingFaceFiles(metadata: Metadata) throws -> [(name: String, bytes: [UInt8])] {
        guard let tokenizer = try Tokenizer(metadata) else { return [] }
        let configuration = TokenizerConfiguration(tokenizer)
        var files = [
            (TokenizerFiles.Name.tokenizer, try TokenizerJSONWriter(tokenizer).bytes),
            (.tokenizerConfig, configuration.tokenizerConfig),
            (.specialTokens, configuration.specialTokensMap),
        ]
        if let generation = configuration.generationConfig { files.append((.generationConfig, generation)) }
        return files.map { (name: $0.0.rawValue, bytes: $0.1) }
    }
}
