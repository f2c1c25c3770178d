internal import QAMFormat

/// The files beside a model's weights that belong to the model.
struct SideFiles {
    /// Sorted by name, in byte order.
    private(set) var taken: [DiskFile] = []
    private(set) var warnings: [String] = []

    /// Larger files are data of some other kind, not configuration.
    static let maximumLength = 64 << 20

    private static let endings = [".json", ".txt", ".model", ".jinja", ".md", ".tiktoken", ".py"]
    private static let beginnings = ["LICENSE", "NOTICE"]
    /// The folder of transformers' further chat templates.
    private static let templates = "additional_chat_templates"

    /// Takes the regular, visible files of the folder whose names indicate configuration, tokenizer, code or text, and warns about the
    /// others. So it does with its folders of chat templates and of sentence-transformers' modules. `model` contains the names of the weight files.
    init(in folder: String, besides model: Set<String>) throws {
        var left: [String] = []
        for name in try Folder.names(in: folder) where !name.hasPrefix(".") && !model.contains(name) {
            if Self.isFolderOfModel(name), try FileStatus(Path.join(folder, name))?.kind == .folder {
                for inner in try Folder.names(in: Path.join(folder, name)) where !inner.hasPrefix(".") { try take("\(name)/\(inner)", in: folder, &left) }
            } else {
                try take(name, in: folder, &left)
            }
        }
        taken.sort { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
        if !left.isEmpty {
            warnings.append("not taken along from \(folder): \(Format.list(left, first: 8))")
        }
    }

    private mutating func take(_ name: String, in folder: String, _ left: inout [String]) throws {
        let path = Path.join(folder, name)
        guard Self.belongs(Path.name(of: name)), EmbeddedFileName.isValid(name), let status = try FileStatus(path), status.kind == .file,
            status.byteCount <= Self.maximumLength
        else { return left.append(name) }
        taken.append(try DiskFile(path: path, name: name))
    }

    /// Modules are numbered: 1_Pooling, 2_Normalize.
    private static func isFolderOfModel(_ name: String) -> Bool {
        let digits = name.prefix { $0.isASCII && $0.isNumber }
        return name == templates || !digits.isEmpty && name.dropFirst(digits.count).first == "_"
    }

    private static func belongs(_ name: String) -> Bool {
        // An index would name shards that no longer exist.
        if name.hasSuffix(".index.json") { return false }
        return endings.contains { name.hasSuffix($0) } || beginnings.contains { name.hasPrefix($0) }
    }
}
