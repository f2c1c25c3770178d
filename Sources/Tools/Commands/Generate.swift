internal import Architectures
internal import ArgumentParser
internal import Converters
internal import Inference
internal import QAMFormat

struct Generate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Continue a text greedily.",
        discussion: """
            The text is a file of token ids: little-endian, of 32 bits or, where its name ends in .u16, of 16. Ids come out, too: on \
            standard output, one after the other.

            Example:
              qamw generate llama.qamw --tokens prompt.u16 --count 64
            """)

    @Argument(help: "The model to run.", completion: .file())
    var model: String

    @Option(help: ArgumentHelp("The prompt.", valueName: "file"), completion: .file())
    var tokens: String

    @Option(help: ArgumentHelp("The number of tokens to generate.", valueName: "n"))
    var count = 32

    @OptionGroup var threads: ThreadOptions
    @OptionGroup var report: ReportOptions

    func validate() throws {
        guard (1...1 << 20).contains(count) else { throw ValidationError("--count takes a number from 1 to 1048576, not \(count).") }
    }

    func run() async throws {
        let text = try TokenFile(path: tokens)
        let input = try TransformerInput(path: model, exact: false)
        try text.require(vocabularySize: input.model.configuration.vocabularySize)
        report.show(warnings: input.warnings)
        let generator = try Generator(
            input.model, capacity: text.tokens.count + count, pool: try WorkerPool(width: threads.count), checkpoint: Interruption.check)
        var made: [UInt32] = []
        let start = ContinuousClock.now
        var first = start
        try generator.run(text.tokens, count: count) { token in
            if made.isEmpty { first = .now }
            made.append(token)
            return true
        }
        let prompt = (first - start).seconds, rest = (ContinuousClock.now - first).seconds
        let speed = made.count > 1 && rest > 0 ? Double(made.count - 1) / rest : 0
        let promptSpeed = prompt > 0 ? Double(text.tokens.count) / prompt : 0
        if report.json {
            try Console.print([
                "tokens": .array(made.map { JSONValue($0) }), "tokensPerSecond": .number(speed), "promptTokensPerSecond": .number(promptSpeed),
                "warnings": .array(input.warnings.map(JSONValue.string)),
            ])
        } else {
            try Console.print(made.map(String.init).joined(separator: " "))
            guard !report.quiet else { return }
            Console.write("\(Format.decimal(speed, 1)) tokens/s; the prompt at \(Format.decimal(promptSpeed, 1)) tokens/s\n")
        }
    }
}
