internal import ArgumentParser
internal import Converters
internal import QAMFormat

/// The text that a command reads: as tokens, or as text that the model's own tokenizer cuts.
struct TextOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The text, as a file of token ids; - is standard input.", valueName: "file"), completion: .file())
    var tokens: String?

    @Option(help: ArgumentHelp("The text, in UTF-8; - is standard input.", valueName: "file"), completion: .file())
    var text: String?

    func validate() throws {
        guard (tokens == nil) != (text == nil) else { throw ValidationError("Give one of --text and --tokens.") }
    }

    /// The files that are read.
    var paths: [String] { [tokens, text].compactMap(\.self).filter { $0 != TextFile.standardInput } }

    /// The tokens, as many as `limit` says.
    ///
    /// - Parameters:
    ///   - model: the model whose tokenizer cuts a text.
    ///   - window: where given, the first token of each so many becomes BOS, if the tokenizer adds one to texts.
    /// - Returns: the tokens, and what reading the tokenizer noticed.
    func read(model: String, limit: Int?, beginningWindowsOf window: Int? = nil, quiet: Bool) async throws -> (TokenFile, warnings: [String]) {
        if let tokens { return (try TokenFile(path: tokens, limit: limit), []) }
        let path = text ?? TextFile.standardInput
        let bytes = try TextFile.read(path)
        if bytes.prefix(4096).contains(0) {
            throw QAMError(.malformed, "this is not text; token ids are given as --tokens", at: .init(file: path))
        }
        let found = try ModelTokenizer.of(path: model)
        let bos = window == nil ? nil : found.tokenizer.before.first
        var ids = try await TokenFile.encoded(bytes, path: path, found.tokenizer, isWhole: bos != nil, quiet: quiet)
        if bos != nil { ids.removeLast(min(found.tokenizer.after.count, ids.count)) }
        if let limit { ids = Array(ids.prefix(limit)) }
        if let bos, let window { for start in stride(from: 0, to: ids.count, by: window) { ids[start] = bos } }
        return (try TokenFile(path: path, tokens: ids), found.warnings)
    }
}
