internal import Quantization
internal import Architectures
internal import ArgumentParser
internal import Converters
internal import Inference
internal import Models
internal import QAMFormat

struct Calibrate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Gather statistics of the inputs of a model's matrices.",
        discussion: """
            Runs a text through the model and writes, for each channel that a matrix reads, E[x^2], E|x| and max|x|; with --hessian also \
            E[x xT] of each input, which "quantize --calibration" makes the most of; with --fisher also E[g gT] of each matrix's outputs, where g is \
            the gradient there of the likelihood of the model's own predictions. "quantize" then weighs errors by what they do to the \
            predictions, feeds them across rows too, and chooses rates by it. It takes between two and three times as long as --hessian. The \
            file is a safetensors file that docs/calibration.md describes. Take other text than what you evaluate on.

            A text (--text) is cut into tokens by the model's tokenizer, without those that it puts around texts. Token ids (--tokens) are \
            little-endian, of 32 bits or, where the file's name ends in .u16, of 16.

            Example:
              qamw calibrate models/llama --text wikitext2-valid.txt -o llama.stats.safetensors --hessian
            """)

    @Argument(help: "The model to run.", completion: .file())
    var model: String

    @OptionGroup var source: TextOptions

    @Option(name: [.short, .long], help: ArgumentHelp("The file to write.", valueName: "file"), completion: .file())
    var output: String

    @Flag(help: "Also gather E[x xT], the Hessian.")
    var hessian = false

    @Flag(help: "Gather E[x xT] and E[g gT], the Kronecker factors of the Fisher information.")
    var fisher = false

    @Option(help: ArgumentHelp("Tokens per window.", valueName: "n"))
    var context = 512

    @Option(help: ArgumentHelp("Read only the first n windows.", valueName: "n"))
    var windows: Int?

    @Flag(help: "Replace an existing output.")
    var force = false

    @OptionGroup var threads: ThreadOptions
    @OptionGroup var report: ReportOptions

    func validate() throws { try TokenFile.validate(context: context, windows: windows) }

    func run() async throws {
        let start = ContinuousClock.now
        let (text, textWarnings) = try await source.read(
            model: model, limit: TokenFile.limit(context: context, windows: windows), quiet: report.hidesProgress)
        let prepared = try PreparedCalibration(
            TransformerInput(path: model, exact: true, access: .buffered), text, textPaths: source.paths, context: context, windows: windows,
            hasHessians: hessian || fisher,
            hasGradients: fisher, threads: threads.count, checkpoint: Interruption.check)
        let (bytes, gatheringWarnings) = try await ProgressBar.during("Calibrating", quiet: report.hidesProgress, countsBytes: false) { bar in
            let statistics = try prepared.source { try bar.report($0, of: $1, item: "") }
            // The statistics come layer by layer, so one thread reads them; the calibrator has its own.
            let bytes = try await transfer(from: statistics, to: SafetensorsSink(output: .file(output), replacing: force), threads: 1).bytes
            return (bytes, statistics.gatheringWarnings)
        }
        let warnings = prepared.warnings + textWarnings + gatheringWarnings, inputCount = prepared.calibrator.parts.reduce(0) { $0 + $1.inputs.count }
        report.show(warnings: warnings)
        let seconds = (ContinuousClock.now - start).seconds
        if report.json {
            try Console.print([
                "output": .string(output), "bytes": JSONValue(bytes), "tokens": JSONValue(prepared.tokenCount), "inputs": JSONValue(inputCount),
                "seconds": .number(seconds), "warnings": .array(warnings.map(JSONValue.string)),
            ])
        } else if !report.quiet {
            try Console.print(
                "  \(Format.printable(output)): \(Format.count(inputCount, "input")) seen over \(Format.count(prepared.tokenCount, "token")), "
                    + "\(Format.bytes(bytes)), \(Format.decimal(seconds, 1)) s")
        }
    }
}
