internal import Architectures
import QAMFormat

/// Where models meet their tokenizers.
enum Tokenizers {
    /// The keys `tokenizer.*`, and whether they say the tokenizer. Where no file tells one, or one that they cannot say, loaders are told that there
    /// is none: such a model takes token ids only.
    static func metadata(_ files: [any EmbeddedFile], pre: String?) throws -> (entries: [Metadata.Entry], isSaid: Bool, warnings: [String]) {
        let (entries, warnings) = try TokenizerConversion.ggufMetadata(files: files, pre: pre)
        guard !entries.isEmpty else { return ([Metadata.Entry(key: "tokenizer.ggml.model", value: .string("none"))], false, warnings) }
        return (entries, true, warnings)
    }

    /// The tokenizer's files.
    static func files(_ metadata: Metadata) throws -> [(name: String, bytes: [UInt8])] {
        guard let model = metadata["tokenizer.ggml.model"]?.string, model != "none" else { return [] }
        return try TokenizerConversion.huggingFaceFiles(metadata: metadata)
    }

    /// Files whose content GGUF has in its metadata.
    static let names = Set(TokenizerFiles.Name.allCases.map(\.rawValue))
}
