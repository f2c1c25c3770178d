import Converters
import QAMFormat

/// A file of token ids: little-endian, of 32 bits each or, where its name ends in .u16, of 16.
package struct TokenFile: Sendable {
    package let path: String
    /// The ids, as many as were wanted and are there.
    package let tokens: [UInt32]

    /// Reads the first `limit` tokens, or all. Throws `notFound` or `io`, `malformed` for half a token and for a file without any.
    package init(path: String, limit: Int? = nil) throws {
        self.path = path
        if let title = FileContent.title(of: path) {
            let advice = title == "a text file" ? "; give it as --text" : ""
            throw QAMError(.malformed, "this is \(title), not a file of token ids\(advice)", at: .init(file: path))
        }
        let file = try FileBytes(path: path)
        let width = path.hasSuffix(".u16") ? 2 : 4
        try Self.check(file.byteCount, width, path)
        tokens = try Self.tokens(file.read(0..<min(file.byteCount / width, limit ?? .max) * width), width)
    }

    /// Takes tokens of 32 bits each, that were read from `path`. Throws `malformed` as `init(path:)`.
    package init(path: String, bytes: [UInt8], limit: Int? = nil) throws {
        try Self.check(bytes.count, 4, path)
        self.init(path: path, reading: Self.tokens(bytes, 4), limit: limit)
    }

    private init(path: String, reading tokens: [UInt32], limit: Int?) {
        (self.path, self.tokens) = (path, Array(tokens.prefix(limit ?? .max)))
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
    package init(path: String, tokens: [UInt32]) throws {
        guard !tokens.isEmpty else { throw QAMError(.malformed, "the text is empty", at: .init(file: path)) }
        (self.path, self.tokens) = (path, tokens)
    }

    /// The tokens of a text by a model's own tokenizer, as many as `limit` says.
    ///
    /// - Parameters:
    ///   - path: where the text comes from, for errors.
    ///   - window: where given, the first token of each so many becomes BOS, if the tokenizer adds one to texts.
    ///   - progress: gets the bytes done and their total; an error that it throws ends the work.
    /// - Returns: the tokens, and what reading the tokenizer noticed.
    package static func read(
        _ text: [UInt8], path: String, model: String, limit: Int?, beginningWindowsOf window: Int? = nil, progress: (Int, Int) throws -> Void
    ) throws -> (TokenFile, warnings: [String]) {
        if text.prefix(4096).contains(0) {
            throw QAMError(.malformed, "this is not text; token ids are given as --tokens", at: .init(file: path))
        }
        let found = try ModelTokenizer.of(path: model), bos = window == nil ? nil : found.tokenizer.before.first
        var ids: [UInt32]
        do {
            ids = try found.tokenizer.encode(text, isWhole: bos != nil) { try progress($0, text.count) }
        } catch let error as QAMError {
            throw error.inFile(path)
        }
        if bos != nil { ids.removeLast(min(found.tokenizer.after.count, ids.count)) }
        if let limit { ids = Array(ids.prefix(limit)) }
        if let bos, let window { for start in stride(from: 0, to: ids.count, by: window) { ids[start] = bos } }
        return (try TokenFile(path: path, tokens: ids), found.warnings)
    }

    /// Throws `malformed` where a token is none of a model's.
    package func require(vocabularySize: Int) throws {
        guard let index = tokens.firstIndex(where: { $0 >= vocabularySize }) else { return }
        throw QAMError(
            .malformed, "token \(index) is \(tokens[index]), but the model's vocabulary has \(vocabularySize)", at: .init(file: path))
    }

    /// Tokens that windows of so many hold, no more than can be counted; nil for all there are.
    package static func limit(context: Int, windows: Int?) -> Int? {
        guard let windows else { return nil }
        let (count, overflow) = context.multipliedReportingOverflow(by: windows)
        return overflow ? nil : count
    }

    /// Windows of so many tokens that a run reads: the first `wanted`, or all. Throws `invalidArgument` where there is none.
    package func windows(of context: Int, wanted: Int?) throws -> Int {
        let count = min(tokens.count / context, wanted ?? .max)
        guard count > 0 else {
            throw QAMError(
                .invalidArgument, "\(Format.count(tokens.count, "token")) are fewer than a window of \(context); use a smaller --context", at: .init(file: path)
            )
        }
        return count
    }
}
