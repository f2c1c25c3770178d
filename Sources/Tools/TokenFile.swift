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
        if let title = FileContent.title(of: path) {
            let advice = title == "a text file" ? "; scripts/tokens converts text to token ids" : ""
            throw QAMError(.malformed, "this is \(title), not a file of token ids\(advice)", at: .init(file: path))
        }
        let file = try FileBytes(path: path)
        let width = path.hasSuffix(".u16") ? 2 : 4
        guard file.byteCount % width == 0 else {
            throw QAMError(.malformed, "\(file.byteCount) bytes are not a whole number of tokens of \(8 * width) bits", at: .init(file: path))
        }
        guard file.byteCount > 0 else { throw QAMError(.malformed, "it has no tokens", at: .init(file: path)) }
        let count = min(file.byteCount / width, limit ?? .max)
        let bytes = try file.read(0..<count * width)
        var tokens: [UInt32] = []
        tokens.reserveCapacity(count)
        for start in stride(from: 0, to: bytes.count, by: width) {
            var token: UInt32 = 0
            for index in 0..<width { token |= UInt32(bytes[start + index]) << (8 * UInt32(index)) }
            tokens.append(token)
        }
        self.tokens = tokens
    }

    /// Throws `malformed` where a token is none of a model's.
    func require(vocabularySize: Int) throws {
        guard let index = tokens.firstIndex(where: { $0 >= vocabularySize }) else { return }
        throw QAMError(
            .malformed, "token \(index) is \(tokens[index]), but the model's vocabulary has \(vocabularySize)", at: .init(file: path))
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
