/// The purpose of an embedded file (spec section 6.2). Unknown numbers are kept.
public struct EmbeddedFileRole: RawRepresentable, Hashable, Sendable {
    /// The number in the file's record.
    public let rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// Not specified.
    public static let none = EmbeddedFileRole(rawValue: 0)
    /// The model's configuration.
    public static let configuration = EmbeddedFileRole(rawValue: 1)
    public static let tokenizer = EmbeddedFileRole(rawValue: 2)
    public static let tokenizerConfiguration = EmbeddedFileRole(rawValue: 3)
    public static let specialTokens = EmbeddedFileRole(rawValue: 4)
    /// A vocabulary or merges of a tokenizer.
    public static let vocabulary = EmbeddedFileRole(rawValue: 5)
    /// Generation parameters.
    public static let generation = EmbeddedFileRole(rawValue: 6)
    public static let chatTemplate = EmbeddedFileRole(rawValue: 7)
    /// Preprocessing of images or audio.
    public static let preprocessor = EmbeddedFileRole(rawValue: 8)
    public static let license = EmbeddedFileRole(rawValue: 9)
    /// The description of the model.
    public static let description = EmbeddedFileRole(rawValue: 10)

    /// The role of a file of this name; `none` for other names.
    public init(ofName name: String) {
        self = Self.byName[name] ?? (name == "LICENSE" || name.hasPrefix("LICENSE.") ? .license : .none)
    }

    private static let byName: [String: EmbeddedFileRole] = [
        "config.json": .configuration, "tokenizer.json": .tokenizer, "tokenizer.model": .tokenizer,
        "tokenizer_config.json": .tokenizerConfiguration, "special_tokens_map.json": .specialTokens, "added_tokens.json": .specialTokens,
        "vocab.json": .vocabulary, "vocab.txt": .vocabulary, "merges.txt": .vocabulary, "generation_config.json": .generation,
        "chat_template.jinja": .chatTemplate, "chat_template.json": .chatTemplate, "preprocessor_config.json": .preprocessor,
        "processor_config.json": .preprocessor, "README.md": .description,
    ]
}
