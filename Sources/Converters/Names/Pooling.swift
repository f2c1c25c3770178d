import Architectures
import QAMFormat

/// How an embedding model makes one vector of those of all tokens: sentence-transformers' modules.json and the configuration of its pooling module.
struct Pooling {
    /// GGUF's number; nil if GGUF has none, or the module's configuration is missing.
    private(set) var number: UInt32?
    private(set) var warnings: [String] = []

    private static let modulesName = "modules.json"
    /// The flags of older configurations, the names of newer ones, and GGUF's numbers.
    private static let kinds: [(flag: String, name: String, number: UInt32)] = [
        ("pooling_mode_mean_tokens", "mean", 1), ("pooling_mode_cls_token", "cls", 2), ("pooling_mode_lasttoken", "lasttoken", 3),
    ]

    /// Nil if there is no such module. Throws `malformed` for files that are no JSON.
    init?(_ files: [any EmbeddedFile]) throws {
        guard let modules = try Self.document(Self.modulesName, files), case .array(let list) = modules else { return nil }
        let paths = list.compactMap { module -> String? in
            guard let type = module["type"]?.string, type.hasSuffix("Pooling") else { return nil }
            return module["path"]?.string
        }
        guard let path = paths.first else { return nil }
        let name = path.isEmpty ? ModelConfig.name : "\(path)/\(ModelConfig.name)"
        if let config = try Self.document(name, files) {
            number = Self.kinds.first { config[$0.flag] == true || config["pooling_mode"]?.string == $0.name }?.number
            if number == nil {
                warnings.append("\(name): GGUF can say pooling by the mean, the first and the last token only; loaders do not know the model's")
            }
        } else {
            warnings.append("\(Self.modulesName): it names \(name), which is missing; loaders do not know how vectors are pooled")
        }
    }

    private static func document(_ name: String, _ files: [any EmbeddedFile]) throws -> JSONValue? {
        guard let file = files.first(where: { $0.name == name }) else { return nil }
        guard file.byteCount <= SideFiles.maximumLength else { throw QAMError(.limitExceeded, "it is too large for a configuration", at: .init(file: name)) }
        do {
            return try JSONValue(parsing: file.read(0..<file.byteCount), section: "JSON", takingNonFinite: true)
        } catch let error as QAMError {
            throw error.inFile(name)
        }
    }
}
