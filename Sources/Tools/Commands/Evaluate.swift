internal import ArgumentParser
internal import Converters
internal import Inference
internal import Models
internal import QAMFormat

struct Evaluate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "eval",
        abstract: "Measure models' perplexity on a text, and their divergence from a reference.",
        discussion: """
            Perplexity over consecutive windows of the text without overlap. With --reference also the Kullback-Leibler divergence \
            from that model's predictions, in nats, and how often the most likely token is the same. The protocol "windows" counts the \
            predictions of tokens 1 to n-1 of each window, "llamacpp" those of tokens n/2+1 to n-1, as llama-perplexity does. \
            Several models, all of one vocabulary, share the reference's work: with --json an object a line, in their order.

            Quantized matrices of a .qamw file are multiplied from where they lie, with activations of eight bits; --exact takes \
            activations of 32 bits. A text (--text) is cut into tokens by the first model's tokenizer, without those that it puts around texts; \
            with "llamacpp" BOS begins each window where the tokenizer adds it. Token ids (--tokens) are little-endian, of 32 bits or, where \
            the file's name ends in .u16, of 16.

            Example:
              qamw eval llama.qamw --text wikitext2-test.txt --reference models/llama
            """)

    @Argument(help: ArgumentHelp("The models to evaluate.", valueName: "model"), completion: .file())
    var models: [String]

    @OptionGroup var source: TextOptions

    @Option(help: ArgumentHelp("The reference model.", valueName: "model"), completion: .file())
    var reference: String?

    @Option(help: ArgumentHelp("Tokens per window.", valueName: "n"))
    var context = 512

    @Option(help: ArgumentHelp("Read only the first n windows.", valueName: "n"))
    var windows: Int?

    @Option(name: .customLong("protocol"), help: "Which predictions count.")
    var counting = PredictionCounting.windows

    @Flag(help: "Use float32 activations.")
    var exact = false

    @OptionGroup var threads: ThreadOptions
    @OptionGroup var report: ReportOptions

    func validate() throws { try TokenFile.validate(context: context, least: 2, windows: windows) }

    func run() async throws {
        let (text, textWarnings) = try await source.read(
            model: models[0], limit: TokenFile.limit(context: context, windows: windows),
            beginningWindowsOf: counting == .llamacpp ? context : nil, quiet: report.hidesProgress)
        let total = try text.windows(of: context, wanted: windows)
        let inputs = try models.map { try TransformerInput(path: $0, exact: exact) }
        let reference = try reference.map { try TransformerInput(path: $0, exact: exact) }
        try text.require(vocabularySize: requireOneVocabulary(inputs))
        let evaluator = try Evaluator(
            inputs.map(\.model), reference: reference?.model, context: context, counting: counting.value, pool: try WorkerPool(width: threads.count),
            checkpoint: Interruption.check)
        let start = ContinuousClock.now
        let evaluations = try await ProgressBar.during("Evaluating", quiet: report.hidesProgress, countsBytes: false) { bar in
            try evaluator.run(text.tokens, windows: total) { try bar.report($0, of: $1, item: EvaluationReport.running($2)) }
        }
        let seconds = (ContinuousClock.now - start).seconds
        let shared = (reference?.warnings ?? []) + textWarnings
        let results = models.indices.map {
            EvaluationReport(
                model: models[$0], evaluation: evaluations[$0], context: context, tokensPerSecond: Double(total * context) / seconds,
                warnings: inputs[$0].warnings + shared)
        }
        report.show(warnings: inputs.flatMap(\.warnings) + shared)
        if report.json {
            for result in results { try Console.print(result.json) }
        } else if !report.quiet {
            try Console.print(results.count > 1 ? EvaluationReport.table(results) : results[0].text)
        }
    }

    /// The common vocabulary size of all models.
    private func requireOneVocabulary(_ inputs: [TransformerInput]) throws -> Int {
        let sizes = inputs.map(\.model.configuration.vocabularySize)
        if let other = sizes.firstIndex(where: { $0 != sizes[0] }) {
            throw QAMError(
                .invalidArgument, "it has \(sizes[other]) tokens, but \(models[0]) has \(sizes[0])", at: .init(file: models[other]))
        }
        return sizes[0]
    }
}

/// The predictions of a window that count.
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
