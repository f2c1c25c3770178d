package import QAMFormat

/// Converts a tokenizer between Hugging Face's files and GGUF's `tokenizer.*` keys, such that both encode texts identically.
package enum TokenizerConversion {
    /// GGUF's keys, in the same order as other converters, from tokenizer.json, else tokenizer.model, else vocab.json with merges.txt, else
    /// tekken.json, and the configuration files beside it.
    /// The vocabulary is cut or padded to config.json's `vocab_size`, since loaders require a token for each row of the embedding matrix.
    /// Without a tokenizer, or if it is neither BPE over bytes nor SentencePiece's BPE, returns no keys and a warning.
    ///
    /// `pre` overrides the pre-tokenizer of a byte-level tokenizer. Throws `malformed` with file and offset, `unsupported` for a
    /// pre-tokenizer that no loader supports, and `invalidArgument` for an unknown `pre`.
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
            let names = [TokenizerFiles.Name.tokenizer, .sentencePiece, .tekken].map(\.rawValue).joined(separator: ", ")
            return ([], ["there is no tokenizer (\(names), or vocab.json with merges.txt), so the output has none"])
        }
        return (tokenizer.entries, reader.warnings)
    }

    /// tokenizer.json, tokenizer_config.json (with any chat template), special_tokens_map.json and generation_config.json from GGUF's keys;
    /// none if there is no tokenizer.
    ///
    /// Throws `malformed` with the key, and `unsupported` for kinds of tokenizers that Hugging Face's BPE cannot represent.
    package static func huggingFaceFiles(metadata: Metadata) throws -> [(name: String, bytes: [UInt8])] {
        guard let tokenizer = try Tokenizer(metadata) else { return [] }
        let configuration = TokenizerConfiguration(tokenizer)
        var files = [
            (TokenizerFiles.Name.tokenizer, TokenizerJSONWriter(try TokenizerJSON(tokenizer)).bytes),
            (.tokenizerConfig, configuration.tokenizerConfig),
            (.specialTokens, configuration.specialTokensMap),
        ]
        if let generation = configuration.generationConfig { files.append((.generationConfig, generation)) }
        return files.map { (name: $0.0.rawValue, bytes: $0.1) }
    }
}
