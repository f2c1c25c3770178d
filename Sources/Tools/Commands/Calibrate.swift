internal import Quantization
internal import Architectures
internal import ArgumentParser
internal import Converters
internal import Inference
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

            The text is a file of token ids: little-endian, of 32 bits or, where its name ends in .u16, of 16.

            Example:
              qamw calibrate models/llama --tokens wikitext2-valid.u16 -o llama.stats.safetensors --hessian
            """)

    @Argument(help: "The model to run.", completion: .file())
    var model: String

    @Option(help: ArgumentHelp("The text.", valueName: "file"), completion: .file())
    var tokens: String

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

    func validate() throws {
        guard (1...1 << 20).contains(context) else { throw ValidationError("--context takes a number from 1 to 1048576, not \(context).") }
        if let windows, windows < 1 { throw ValidationError("--windows takes a positive number, not \(windows).") }
    }

    func run() async throws {
        let start = ContinuousClock.now
        let text = try TokenFile(path: tokens, limit: TokenFile.limit(context: context, windows: windows))
        let count = try text.windows(of: context, wanted: windows)
        let input = try TransformerInput(path: model, exact: true)
        try text.require(vocabularySize: input.model.configuration.vocabularySize)
        let calibrator = try Calibrator(
            input.model, context: context, gatheringMoments: hessian || fisher, gatheringGradients: fisher,
            pool: try WorkerPool(width: threads.count), checkpoint: Interruption.check)
        let layout = CalibrationLayout(
            inputs: calibrator.inputs, hasMoments: hessian || fisher, outputs: fisher ? calibrator.outputs : [], tokens: count * context,
            context: context, paths: input.paths + [tokens])
        let sink = SafetensorsSink(output: .file(output), maxShardSize: nil, replacing: force, resuming: false)
        let bytes: Int
        do {
            _ = try sink.begin(layout)
            var next = 0
            try await ProgressBar.during("Calibrating", quiet: report.hidesProgress, countsBytes: false) { bar in
                try calibrator.run(text.tokens, windows: count) {
                    try bar.report($0, of: $1, item: "")
                } layer: { inputs in
                    for input in inputs { try write(input, to: sink, &next, layout) }
                } outputs: { outputs in
                    for output in outputs {
                        try write(output.moment, to: sink, next)
                        next += 1
                    }
                }
            }
            bytes = try sink.finish()
        } catch {
            sink.discard(keepingPartial: false)
            throw error
        }
        report.show(warnings: input.warnings)
        let seconds = (ContinuousClock.now - start).seconds
        if report.json {
            try Console.print([
                "output": .string(output), "bytes": JSONValue(bytes), "tokens": JSONValue(count * context), "inputs": JSONValue(calibrator.inputs.count),
                "seconds": .number(seconds), "warnings": .array(input.warnings.map(JSONValue.string)),
            ])
        } else if !report.quiet {
            try Console.print(
                "  \(Format.printable(output)): \(Format.count(calibrator.inputs.count, "input")) seen over \(Format.count(count * context, "token")), "
                    + "\(Format.bytes(bytes)), \(Format.decimal(seconds, 1)) s")
        }
    }

    /// Writes the tensors of the next input in the layout.
    private func write(_ input: Calibrator.Input, to sink: SafetensorsSink, _ next: inout Int, _ layout: CalibrationLayout) throws {
        for _ in input.matrices {
            repeat {
                switch layout.statistics[next] {
                case .meanSquare: try write([input.statistics.meanSquares], to: sink, next)
                case .meanMagnitude: try write([input.statistics.meanMagnitudes], to: sink, next)
                case .largest: try write([input.statistics.largest], to: sink, next)
                case .secondMoment:
                    if let moment = input.secondMoment { try write(moment, to: sink, next) }
                case .outputMoment: break
                }
                next += 1
            } while next < layout.tensors.count && ![.meanSquare, .outputMoment].contains(layout.statistics[next])
        }
    }

    private func write(_ moment: SecondMoment, to sink: SafetensorsSink, _ tensor: Int) throws {
        try write(stride(from: 0, to: moment.width, by: 64).lazy.map { moment.mean(rows: $0..<min($0 + 64, moment.width)) }, to: sink, tensor)
    }

    private func write(_ pieces: some Sequence<[Float]>, to sink: SafetensorsSink, _ tensor: Int) throws {
        var offset = 0
        for piece in pieces {
            let bytes = try ElementConversion.bytes(piece, as: .f32)
            try sink.write(TensorChunk(streams: [bytes]), units: offset..<offset + bytes.count, of: tensor)
            offset += bytes.count
        }
        try sink.endTensor(tensor, findings: TensorFindings())
    }
}
