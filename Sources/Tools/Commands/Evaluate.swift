internal import ArgumentParser
internal import Converters
internal import Inference
internal import QAMFormat

struct Evaluate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "eval",
        abstract: "Tell how well a model predicts a text, and how far it is from a reference.",
        discussion: """
            Perplexity over consecutive windows of the text without overlap. With --reference also the Kullback-Leibler divergence \
            from that model's predictions, in nats, and how often the most likely token is the same. The protocol "windows" counts the \
            predictions of tokens 1 to n-1 of each window, "llamacpp" those of tokens n/2+1 to n-1, as llama-perplexity does.

            Quantized matrices of a .qamw file are multiplied from where they lie, with activations of eight bits; --exact takes \
            activations of 32 bits. The text is a file of token ids: little-endian, of 32 bits or, where its name ends in .u16, of 16.

            Example:
              qamw eval llama.qamw --tokens wikitext2-test.u16 --reference models/llama
            """)

    @Argument(help: "The model to evaluate.", completion: .file())
    var model: String

    @Option(help: ArgumentHelp("The text.", valueName: "file"), completion: .file())
    var tokens: String

    @Option(help: ArgumentHelp("The model whose predictions are the measure.", valueName: "model"), completion: .file())
    var reference: String?

    @Option(help: ArgumentHelp("Tokens of a window.", valueName: "n"))
    var context = 512

    @Option(help: ArgumentHelp("Read the first n windows only.", valueName: "n"))
    var windows: Int?

    @Option(name: .customLong("protocol"), help: "Which predictions count.")
    var counting = PredictionCounting.windows

    @Flag(help: "Multiply by activations of 32 bits.")
    var exact = false

    @OptionGroup var threads: ThreadOptions
    @OptionGroup var report: ReportOptions

    func validate() throws {
        guard (2...1 << 20).contains(context) else { throw ValidationError("--context takes a number from 2 to 1048576, not \(context).") }
        if let windows, windows < 1 { throw ValidationError("--windows takes a positive number, not \(windows).") }
    }

    func run() async throws {
        let text = try TokenFile(path: tokens, limit: TokenFile.limit(context: context, windows: windows))
        let total = try text.windows(of: context, wanted: windows)
        let input = try TransformerInput(path: model, exact: exact)
        let reference = try reference.map { try TransformerInput(path: $0, exact: exact) }
        try text.require(vocabularySize: input.model.configuration.vocabularySize)
        let evaluator = try Evaluator(
            input.model, reference: reference?.model, context: context, counting: counting.value, pool: try WorkerPool(width: threads.count),
            checkpoint: Interruption.check)
        let start = ContinuousClock.now
        let evaluation = try await ProgressBar.during("Evaluating", quiet: report.hidesProgress, countsBytes: false) { bar in
            try evaluator.run(text.tokens, windows: total) { try bar.report($0, of: $1, item: EvaluationReport.running($2)) }
        }
        let seconds = (ContinuousClock.now - start).seconds
        let result = EvaluationReport(
            evaluation: evaluation, context: context, tokensPerSecond: Double(total * context) / seconds,
            warnings: input.warnings + (reference?.warnings ?? []))
        report.show(warnings: result.warnings)
        if report.json {
            try Console.print(result.json)
        } else if !report.quiet {
            try Console.print(result.text)
        }
    }
}

/// Which predictions of a window count.
enum PredictionCounting: String, CaseIterable, ExpressibleByArgument {
    case windows
    case llamacpp

    var value: Evaluator.Counting {
        switch self {
        case .windows: .windows
        case .llamacpp: .llamacpp
        }
    }
}
