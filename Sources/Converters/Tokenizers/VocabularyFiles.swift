import Architectures
internal import QAMFormat

/// Byte-level BPE in the files of older checkpoints: vocab.json and merges.txt. How texts are cut follows from the tokenizer's class.
struct VocabularyFiles {
    let vocabulary: [(text: String, id: Int)]
    let merges: [Tokenizer.Merge]
    /// The tokens beside the vocabulary and those with special roles.
    let addedTokens: [TokenizerJSON.AddedToken]
    /// The tokenizer's class without the suffix `Fast`, or that of the model's type; nil if no file names one.
    let className: String?

    /// Nil unless both files are there. Throws `malformed` with file and place.
    init?(_ files: TokenizerFiles) throws {
        guard let bytes = try files.bytes(.vocabulary), let text = try files.text(.merges) else { return nil }
        vocabulary = try TokenizerFiles.place(.vocabulary) { try Self.vocabulary(bytes) }
        merges = try Self.merges(text, files)
        addedTokens = try Self.addedTokens(files, vocabulary)
        let named = files[.tokenizerConfig]?["tokenizer_class"]?.string.map { $0.hasSuffix("Fast") ? String($0.dropLast(4)) : $0 }
        className = named ?? files.modelSetting("model_type")?.string.flatMap { Self.classesOfModels[$0] }
    }

    /// tokenizer.json's pre-tokenizer of the class; nil for an unknown one.
    var preTokenizer: JSONValue? {
        switch className {
        case "Qwen2Tokenizer": PreTokenizer(className ?? "", [.split(PreTokenizer.qwen2), .byteLevel(usesRegex: false)]).json
        case "GPT2Tokenizer", "CodeGenTokenizer", "RobertaTokenizer", "GPTNeoXTokenizer": PreTokenizer.Step.byteLevel(usesRegex: true).json
        case "CohereTokenizer": PreTokenizer(className ?? "", [.digits(individual: true), .byteLevel(usesRegex: true)]).json
        default: nil
        }
    }

    /// The classes that transformers takes if none is named.
    private static let classesOfModels = [
        "qwen2": "Qwen2Tokenizer", "qwen2_moe": "Qwen2Tokenizer", "qwen3": "Qwen2Tokenizer", "qwen3_moe": "Qwen2Tokenizer", "gpt2": "GPT2Tokenizer",
    ]

    private static func vocabulary(_ bytes: [UInt8]) throws -> [(text: String, id: Int)] {
        var vocabulary: [(text: String, id: Int)] = []
        var reader = JSONReader(bytes, section: TokenizerFiles.Name.vocabulary.rawValue)
        try reader.object { reader, text in vocabulary.append((text, try reader.tokenID())) }
        try reader.end()
        return vocabulary
    }

    /// A merge per line; a first line may state a version.
    private static func merges(_ text: String, _ files: TokenizerFiles) throws -> [Tokenizer.Merge] {
        var merges: [Tokenizer.Merge] = []
        for (number, part) in text.utf8.split(separator: 0x0A, omittingEmptySubsequences: false).enumerated() {
            let line = part.last == 0x0D ? part.dropLast() : part
            if line.isEmpty || line.starts(with: Array("#version".utf8)) { continue }
            let parts = line.split(separator: 0x20, omittingEmptySubsequences: false).map { String(Substring($0)) }
            guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty else {
                throw files.malformed(.merges, "line \(number + 1) is not two parts with a space between them")
            }
            merges.append(Tokenizer.Merge(left: parts[0], right: parts[1]))
        }
        return merges
    }

    /// From added_tokens.json and tokenizer_config.json, which takes precedence, and the tokens that have roles.
    private static func addedTokens(_ files: TokenizerFiles, _ vocabulary: [(text: String, id: Int)]) throws -> [TokenizerJSON.AddedToken] {
        var tokens = try AddedTokens(files).elements.map { TokenizerJSON.AddedToken(id: $0.id, text: $0.text, isSpecial: $0.isSpecial) }
        let ids = Dictionary(vocabulary.map { (ExactName($0.text), $0.id) }) { first, _ in first }
        var known = Set(tokens.map { ExactName($0.text) })
        for file in [TokenizerFiles.Name.tokenizerConfig, .specialTokens] {
            let named =
                SpecialTokens.Role.named.compactMap { files[file]?["\($0.rawValue)_token"] } + (files[file]?["additional_special_tokens"]?.elements ?? [])
            for text in named.compactMap({ $0.string ?? $0["content"]?.string }) {
                guard let id = ids[ExactName(text)], known.insert(ExactName(text)).inserted else { continue }
                tokens.append(TokenizerJSON.AddedToken(id: id, text: text, isSpecial: true))
            }
        }
        return tokens
    }
}
