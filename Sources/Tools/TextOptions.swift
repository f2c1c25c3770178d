internal import ArgumentParser
internal import Converters
internal import Models
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
        if let tokens { return (try TokenFile.open(tokens, limit: limit), []) }
        let path = text ?? TextFile.standardInput
        return try await TokenFile.read(
            TextFile.read(path), path: path, model: model, limit: limit, beginningWindowsOf: window, quiet: quiet)
    }
}
