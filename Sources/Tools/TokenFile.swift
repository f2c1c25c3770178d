internal import ArgumentParser
internal import Converters
internal import QAMFormat

/// A file of token ids: little-endian, of 32 bits each or, where its name ends in .u16, of 16.
struct TokenFile {
    let path: String
    /// The ids, as many as were wanted and are there.
    let tokens: [UInt32]

    /// Reads the first `limit` tokens, or all. Throws `notFound` or `io`, `malformed` for half a token and for a file without any.
    init(path: String, limit: Int? = nil) throws {
        self.path = path
        if path == TextFile.standardInput {
            let bytes = try TextFile.read(path)
            try Self.check(bytes.count, 4, path)
            tokens = Array(Self.tokens(bytes, 4).prefix(limit ?? .max))
            return
        }
        if let title = FileContent.title(of: path) {
            let advice = title == "a text file" ? "; give it as --text" : ""
            throw QAMError(.malformed, "this is \(title), not a file of token ids\(advice)", at: .init(file: path))
        }
        let file = try FileBytes(path: path)
        let width = path.hasSuffix(".u16") ? 2 : 4
        try Self.check(file.byteCount, width, path)
        tokens = try Self.tokens(file.read(0..<min(file.byteCount / width, limit ?? .max) * width), width)
    }

    private static func check(_ byteCount: Int, _ width: Int, _ path: String) throws {
        guard byteCount % width == 0 else {
            throw QAMError(.malformed, "\(byteCount) bytes are not a whole number of tokens of \(8 * width) bits", at: .init(file: path))
        }
        guard byteCount > 0 else { throw QAMError(.malformed, "it has no tokens", at: .init(file: path)) }
    }

    private static func tokens(_ bytes: [UInt8], _ width: Int) -> [UInt32] {
        var tokens: [UInt32] = []
        tokens.reserveCapacity(bytes.count / width)
        for start in stride(from: 0, to: bytes.count, by: width) {
            var token: UInt32 = 0
            for index in 0..<width { token |= UInt32(bytes[start + index]) << (8 * UInt32(index)) }
            tokens.append(token)
        }
        return tokens
    }

    /// Tokens of a text that was read from `path`.
    init(path: String, tokens: [UInt32]) throws {
        guard !tokens.isEmpty else { throw QAMError(.malformed, "the text is empty", at: .init(file: path)) }
        (self.path, self.tokens) = (path, tokens)
    }

    /// The tokens of a text by a model's own tokenizer, as many as `limit` says.
    ///
    /// - Parameters:
    ///   - path: where the text comes from, for errors.
    ///   - window: where given, the first token of each so many becomes BOS, if the tokenizer adds one to texts.
    /// - Returns: the tokens, and what reading the tokenizer noticed.
    static func read(
        _ text: [UInt8], path: String, model: String, limit: Int?, beginningWindowsOf window: Int? = nil, quiet: Bool
    ) async throws -> (TokenFile, warnings: [String]) {
        if text.prefix(4096).contains(0) {
            throw QAMError(.malformed, "this is not text; token ids are given as --tokens", at: .init(file: path))
        }
        let found = try ModelTokenizer.of(path: model)
        let bos = window == nil ? nil : found.tokenizer.before.first
        var ids = try await encoded(text, path: path, found.tokenizer, isWhole: bos != nil, quiet: quiet)
        if bos != nil { ids.removeLast(min(found.tokenizer.after.count, ids.count)) }
        if let limit { ids = Array(ids.prefix(limit)) }
        if let bos, let window { for start in stride(from: 0, to: ids.count, by: window) { ids[start] = bos } }
        return (try TokenFile(path: path, tokens: ids), found.warnings)
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

    /// Throws `malformed` where a token is none of a model's.
    func require(vocabularySize: Int) throws {
        guard let index = tokens.firstIndex(where: { $0 >= vocabularySize }) else { return }
        throw QAMError(
            .malformed, "token \(index) is \(tokens[index]), but the model's vocabulary has \(vocabularySize)", at: .init(file: path))
    }

    /// Checks the numbers of a command: tokens per window, `least` or more, and windows; nil where they are not given.
    static func validate(context: Int?, least: Int = 1, windows: Int?) throws {
        if let context, !(least...1 << 20).contains(context) {
            throw ValidationError("--context takes a number from \(least) to 1048576, not \(context).")
        }
        if let windows, windows < 1 { throw ValidationError("--windows takes a positive number, not \(windows).") }
    }

    /// Tokens that windows of so many hold, no more than can be counted; nil for all there are.
    static func limit(context: Int, windows: Int?) -> Int? {
        guard let windows else { return nil }
        let (count, overflow) = context.multipliedReportingOverflow(by: windows)
        return overflow ? nil : count
    }

    /// Windows of so many tokens that a run reads: the first `wanted`, or all. Throws `invalidArgument` where there is none.
    func windows(of context: Int, wanted: Int?) throws -> Int {
        let count = min(tokens.count / context, wanted ?? .max)
        guard count > 0 else {
            throw QAMError(
                .invalidArgument, "\(Format.count(tokens.count, "token")) are fewer than a window of \(context); use a smaller --context", at: .init(file: path)
            )
        }
        return count
    }
}
