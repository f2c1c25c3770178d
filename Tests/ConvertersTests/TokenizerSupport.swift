import Architectures
import Converters
import QAMFormat
import Testing

/// The small tokenizers of testdata/tokenizers.
enum TokenizerFixture: String, CaseIterable {
    case deepseek3, falcon, gemma, gpt2, gpt4o, llama2, llama3, phi3, phi4, qwen2, starcoder, tekken

    static let byteLevel = allCases.filter { ![.gemma, .llama2, .phi3].contains($0) }

    /// Its files without the named ones.
    func files(without names: Set<String> = []) throws -> [MemoryFile] {
        let folder = #filePath.split(separator: "/").dropLast(3).map { "/" + $0 }.joined() + "/testdata/tokenizers/\(rawValue)"
        return try Folder.names(in: folder).filter { !names.contains($0) }
            .map { MemoryFile(name: $0, bytes: try contents("\(folder)/\($0)")) }
    }
}

/// The GGUF keys made from files.
func tokenizerKeys(_ files: [any EmbeddedFile], pre: String? = nil) throws -> Metadata {
    var metadata = Metadata()
    for entry in try TokenizerConversion.ggufMetadata(files: files, pre: pre).entries { metadata.set(entry.key, entry.value) }
    return metadata
}

/// The files made from GGUF keys.
func tokenizerFiles(_ metadata: Metadata) throws -> [MemoryFile] {
    try TokenizerConversion.huggingFaceFiles(metadata: metadata).map { MemoryFile(name: $0.name, bytes: $0.bytes) }
}

extension [MemoryFile] {
    /// A file, parsed as JSON.
    func document(_ name: String) throws -> JSONValue {
        let file = try #require(first { $0.name == name })
        return try JSONValue(parsing: file.bytes, section: name)
    }

    /// The files with one replaced or added.
    func with(_ name: String, _ text: String) -> [MemoryFile] {
        filter { $0.name != name } + [MemoryFile(name: name, bytes: [UInt8](text.utf8))]
    }

    /// The files with a member of one changed.
    func with(_ name: String, _ key: String, _ value: JSONValue) throws -> [MemoryFile] {
        guard case .object(var members) = try document(name) else { return self }
        members.removeAll { $0.key == key }
        return with(name, JSONWriter.text(.object(members + [.init(key, value)])))
    }
}

extension Metadata {
    /// The strings of a key.
    func strings(_ key: String) -> [String] {
        guard case .array(.string(let values))? = self["tokenizer.ggml.\(key)"] else { return [] }
        return values
    }

    func types() -> [Int32] {
        guard case .array(.int32(let values))? = self["tokenizer.ggml.token_type"] else { return [] }
        return values
    }

    func scores() -> [Float] {
        guard case .array(.float32(let values))? = self["tokenizer.ggml.scores"] else { return [] }
        return values
    }

    subscript(tokenizer key: String) -> MetadataValue? { self["tokenizer.ggml.\(key)"] }
}
