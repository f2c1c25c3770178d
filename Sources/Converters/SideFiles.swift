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

    /// Takes the regular, visible files of the folder whose names indicate configuration, tokenizer, code or text, and warns about the
    /// others. `model` contains the names of the weight files.
    init(in folder: String, besides model: Set<String>) throws {
        var left: [String] = []
        for name in try Folder.names(in: folder) where !name.hasPrefix(".") && !model.contains(name) {
            let path = Path.join(folder, name)
            guard Self.belongs(name), EmbeddedFileName.isValid(name), let status = try FileStatus(path), status.kind == .file,
                status.byteCount <= Self.maximumLength
            else {
                left.append(name)
                continue
            }
            taken.append(try DiskFile(path: path))
        }
        if !left.isEmpty {
            let names = left.prefix(8).joined(separator: ", ") + (left.count > 8 ? " and \(left.count - 8) more" : "")
            warnings.append("not taken along from \(folder): \(names)")
        }
    }

    private static func belongs(_ name: String) -> Bool {
        // An index would name shards that no longer exist.
        if name.hasSuffix(".index.json") { return false }
        return endings.contains { name.hasSuffix($0) } || beginnings.contains { name.hasPrefix($0) }
    }
}
