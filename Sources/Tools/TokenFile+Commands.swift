internal import ArgumentParser
internal import Converters
internal import Models
internal import QAMFormat

/// Tokens, as the command reads and writes them.
extension TokenFile {
    /// Reads a file, or standard input, whose tokens have 32 bits.
    static func open(_ path: String, limit: Int? = nil) throws -> TokenFile {
        path == TextFile.standardInput ? try TokenFile(path: path, bytes: TextFile.read(path), limit: limit) : try TokenFile(path: path, limit: limit)
    }

    /// The same as `read` of the library, with a bar.
    static func read(
        _ text: [UInt8], path: String, model: String, limit: Int?, beginningWindowsOf window: Int? = nil, quiet: Bool
    ) async throws -> (TokenFile, warnings: [String]) {
        try await ProgressBar.during("Tokenizing", quiet: quiet) { bar in
            try read(text, path: path, model: model, limit: limit, beginningWindowsOf: window) { try bar.report($0, of: $1, item: "") }
        }
    }

    /// The tokens of a text: `given`, else that of the file `path`. Shows its progress.
    static func encoded(_ given: [UInt8]?, path: String?, _ tokenizer: TextTokenizer, isWhole: Bool, quiet: Bool) async throws -> [UInt32] {
        let text = try given ?? TextFile.read(path ?? TextFile.standardInput)
        do {
            return try await ProgressBar.during("Tokenizing", quiet: quiet) { bar in
                try tokenizer.encode(text, isWhole: isWhole) { try bar.report($0, of: text.count, item: "") }
            }
        } catch let error as QAMError {
            throw path.map(error.inFile) ?? error
        }
    }

    /// Writes a file of token ids. Throws `invalidArgument` for ids that do not fit in 16 bits, and the errors of an output.
    static func write(_ tokens: [UInt32], to path: String, replacing: Bool, inputs: [String]) throws {
        let width = path.hasSuffix(".u16") ? 2 : 4
        if width == 2, let large = tokens.first(where: { $0 > 0xFFFF }) {
            throw QAMError(.invalidArgument, "the id \(large) does not fit in 16 bits; choose a name that does not end in .u16", at: .init(file: path))
        }
        let bytes = tokens.flatMap { token in (0..<width).map { UInt8(truncatingIfNeeded: token >> (8 * UInt32($0))) } }
        let output = try OutputSet(inputs: inputs, replacing: replacing)
        do {
            try output.add(path, bytes: bytes)
            try output.commit([path])
        } catch {
            output.discard(keepingPartial: false)
            throw error
        }
    }

    /// Checks the numbers of a command: tokens per window, `least` or more, and windows; nil where they are not given.
    static func validate(context: Int?, least: Int = 1, windows: Int?) throws {
        if let context, !(least...1 << 20).contains(context) {
            throw ValidationError("--context takes a number from \(least) to 1048576, not \(context).")
        }
        if let windows, windows < 1 { throw ValidationError("--windows takes a positive number, not \(windows).") }
    }
}
