internal import Converters
internal import Inference
internal import Models
internal import QAMFormat

/// A conversation on the terminal: messages from standard input, a line each, and the model's answers.
struct Conversation {
    private let model: Transformer
    private let tokenizer: ModelTokenizer
    private let format: ChatFormat
    private let generator: Generator
    private let count: Int?
    private let quiet: Bool
    private var sampler: Sampler
    private var messages: [ChatFormat.Message]
    /// Bytes of standard input behind the last line.
    private var rest: [UInt8] = []
    private var isAtEnd = false

    /// More tokens of a conversation are not kept, whatever the model was trained on.
    private static let maximumContext = 8192
    /// Tokens of the context that are left for an answer at least.
    private static let room = 256

    init(
        _ input: TransformerInput, _ tokenizer: ModelTokenizer, _ format: ChatFormat, system: String?, count: Int?, sampler: Sampler, pool: WorkerPool,
        quiet: Bool
    ) throws {
        (model, self.tokenizer, self.format, self.count, self.sampler, self.quiet) = (input.model, tokenizer, format, count, sampler, quiet)
        messages = format.opening(system: system)
        let capacity = min(input.trainedContext ?? Self.maximumContext, Self.maximumContext)
        generator = try Generator(input.model, capacity: capacity, pool: pool, checkpoint: Interruption.check)
    }

    mutating func run() throws {
        let isTerminal = Platform.standardInputIsTerminal && !quiet
        if isTerminal { Console.write("Ctrl-C ends an answer, Ctrl-D the conversation.\n") }
        while true {
            if isTerminal { Console.write("> ") }
            guard let line = try nextLine(showsPrompt: isTerminal) else { break }
            if line.allSatisfy(\.isWhitespace) { continue }
            messages.append(.init(role: .user, text: line))
            let prompt = try fittingPrompt()
            let answer = try Answer.of(
                generator, prompt, count: min(count ?? .max, generator.capacity - prompt.count), sampler: &sampler, tokenizer.tokenizer,
                ends: format.ends(tokenizer), shows: true, quiet: quiet, interrupted: Interruption.takeInterrupt)
            if !answer.isComplete, !answer.wasInterrupted, count == nil { Console.warn(["the model's context is full, so the answer ends here"]) }
            messages.append(.init(role: .assistant, text: answer.text))
        }
        if isTerminal { Console.write("\n") }
    }

    /// The tokens of the conversation. Of one that is too long the oldest messages are forgotten, but not the system's.
    private mutating func fittingPrompt() throws -> [UInt32] {
        var forgotten = 0
        while true {
            let tokens = try format.tokens(messages, tokenizer)
            if tokens.count + Self.room <= generator.capacity || tokens.count < generator.capacity && messages.count < 4 {
                if forgotten > 0 { Console.warn(["the conversation is longer than the model's context: its \(forgotten) oldest messages are forgotten"]) }
                return tokens
            }
            let first = messages.first?.role == .system ? 1 : 0
            guard messages.count > first + 2 else {
                throw QAMError(.limitExceeded, "the message of \(tokens.count) tokens does not fit in the context of \(generator.capacity)")
            }
            messages.removeSubrange(first..<first + 2)
            forgotten += 2
        }
    }

    /// The next line of standard input, nil at its end.
    private mutating func nextLine(showsPrompt: Bool) throws -> String? {
        while true {
            if let end = rest.firstIndex(of: 0x0A) {
                let line = Array(rest[..<end])
                rest.removeFirst(end + 1)
                return try Self.text(line)
            }
            if isAtEnd {
                defer { rest = [] }
                return rest.isEmpty ? nil : try Self.text(rest)
            }
            let more = try Platform.readStandardInput(1 << 16) {
                if Interruption.takeInterrupt() { Console.write("\nCtrl-D ends the conversation.\n\(showsPrompt ? "> " : "")") }
                try Interruption.check()
            }
            isAtEnd = more.isEmpty
            rest += more
        }
    }

    private static func text(_ line: [UInt8]) throws -> String {
        guard let text = String(validating: line, as: UTF8.self) else { throw QAMError(.malformed, "the line is not UTF-8", at: .init(file: "standard input")) }
        return text
    }
}
