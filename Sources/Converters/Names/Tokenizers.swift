internal import Architectures
import QAMFormat

/// Converts the tokenizer of a model.
enum Tokenizers {
    /// The keys `tokenizer.*`, and whether they represent the tokenizer. If there is none or it cannot be represented, they declare to
    /// loaders that there is none: such a model takes token ids only.
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

    /// Files whose content GGUF stores as metadata.
    static let names = Set(TokenizerFiles.Name.allCases.map(\.rawValue))
}
