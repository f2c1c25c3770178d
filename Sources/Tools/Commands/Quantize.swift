public import Quantization
public import ArgumentParser
internal import Converters
internal import Models
internal import QAMFormat

struct Quantize: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Write a model as .qamw with quantized weights.",
        discussion: """
            The recipe says which tensors are quantized: "model" every matrix but routers, and embedding and output head only with Hessians \
            for them; "linear" every matrix but embeddings, output heads and routers; \
            "mlp" the weights of feed-forward blocks; "all" everything that can be. --include adds tensors by a regular \
            expression that is looked for in their names, with bits of their own after the last "="; of several that \
            match the last counts. --exclude takes tensors away, whatever includes them. Regular expressions have . [a-z] [^a-z] \
            \\d \\w \\s \\D \\W \\S (...) (?:...) | * + ? {m,n} ^ $ \\b \\B and (?i) at the begin; a backslash before any other \
            character that is no letter or digit takes it as it is.

            If the model can be run, its errors are weighed by what they do to its predictions on a text (--text, else one in the program): they \
            are fed into the weights that are coded later, and the rate of each tensor is chosen by them. That takes minutes to hours where --plain takes \
            seconds, and leaves a third to a fifth of the divergence.

            With --resume an interrupted run leaves what it has done, and the same command goes on from there.

            Examples:
              qamw quantize models/llama llama.qamw --target-bytes 4GB
              qamw quantize models/llama llama.qamw --plain --bits 4.5 --include 'down_proj=5.5' --exclude 'layers\\.0\\.'
            """)

    @Argument(help: "The model to read.", completion: .file())
    var input: String

    @Argument(help: "The .qamw file to write, or a folder for model.qamw.", completion: .file(extensions: ["qamw"]))
    var output: String

    @Option(
        help: ArgumentHelp(
            "Bits per weight, the same for each tensor: 2 to 6.5 in steps of 0.5; trellis has 1.5 too, int8 only 8. (default: 5.5, as an average with calibration)",
            valueName: "bits"))
    var bits: Double?

    @Option(
        help: ArgumentHelp(
            "Choose the rate of each tensor so that errors cost least, by the calibration, with so many bits per weight of the whole model, all overhead included.",
            valueName: "bits"))
    var targetBpw: Double?

    @Option(
        help: ArgumentHelp("The same with the size of the whole file: a number with B, KB, MB, GB, KiB, MiB or GiB.", valueName: "size"),
        transform: ByteSize.init)
    var targetBytes: ByteSize?

    @Option(help: "The family of codes: trellis has the least error, octant is the fastest to quantize to, free is the published code.")
    var codebook = CodebookFamily(family: .octant)

    @Option(help: "How hard a trellis searches: the better, the slower it quantizes. Size and speed of the model stay the same.")
    var effort = Effort.normal

    @Option(help: "Which tensors to quantize.")
    var recipe = Recipe.Name.model

    @Option(help: ArgumentHelp("Quantize these too.", valueName: "regex[=bits]"))
    var include: [String] = []

    @Option(help: ArgumentHelp("Leave these as they are.", valueName: "regex"))
    var exclude: [String] = []

    @Option(help: ArgumentHelp("The largest block of the rotation: a power of two from 2 to 32768.", valueName: "n"))
    var blockSize = 1024

    @Option(help: ArgumentHelp("The seed of the rotation's signs.", valueName: "n"))
    var seed: UInt64 = 0

    @Option(help: "Fit each row's gain to its codewords, which costs nothing to store. Without this option as is usual with the codebook: off for int8.")
    var gainRefit: Toggle?

    @Flag(help: "Leave the calibration out: much faster, and with three to five times the divergence.")
    var plain = false

    @OptionGroup var calibration: CalibrationOptions

    @Option(
        help: """
            Feed the error of each pair into the columns and rows after it, as far as the calibration has Hessians of inputs and outputs; \
            "columns" into columns only.
            """)
    var feedback = Quantizer.Feedback.on

    @Option(
        help: """
            Code columns that matter more more precisely, by the calibration: "published" by mean|x|^0.3, "optimal" so that the outputs err least; \
            left out where it would not help. "smooth" is for int8: SmoothQuant's (max|x| / max|w|)^0.5. Without this option: optimal where there \
            is no feedback; none for int8.
            """)
    var scaling: Quantizer.Scaling?

    @Option(name: .customLong("raw-dtype"), help: "The type of floating-point tensors that stay raw, such as embeddings and norms.")
    var rawType = Quantizer.RawType.keep
    @Option(help: ArgumentHelp("Merge the LoRA adapter in this folder into the weights; may be repeated.", valueName: "folder"), completion: .directory)
    var lora: [String] = []

    @Flag(help: "Compress the tensors that stay raw; those cannot be mapped.")
    var compressRaw = false

    @Flag(help: "Fail where the recipe wants a tensor that cannot be quantized.")
    var strict = false

    @OptionGroup var threads: ThreadOptions
    @OptionGroup var writing: WritingOptions
    @OptionGroup var report: ReportOptions

    func validate() throws {
        if plain, calibration.isGiven { throw ValidationError("--plain leaves the calibration out: it excludes the options of calibration.") }
        if calibration.gathers || targetBpw != nil || targetBytes != nil, calibration.calibration == nil, !lora.isEmpty {
            throw ValidationError("\(CalibrationOptions.adapters).")
        }
        if plain, let scaling, scaling != .off { throw ValidationError("--scaling takes a calibration, which --plain leaves out.") }
        let rates = [bits.map { _ in "--bits" }, targetBpw.map { _ in "--target-bpw" }, targetBytes.map { _ in "--target-bytes" }].compactMap(\.self)
        if rates.count > 1 { throw ValidationError("\(rates[0]) and \(rates[1]) exclude each other.") }
        if let rate = rates.first, bits == nil, plain { throw ValidationError("\(rate) takes a calibration, which --plain leaves out.") }
        do { _ = try options.checkedRecipe() } catch let error as QAMError { throw ValidationError(error.message + ".") }
        if let format = OutputFormat(nameOf: output), format != .qamw, try FileStatus(output)?.kind != .folder {
            let advice = format == .gguf ? "; convert --dtype q4_k_m --calibrate writes quantized GGUF" : ""
            throw ValidationError("quantize writes .qamw files, and \(output) would be taken for something else\(advice).")
        }
    }

    private var options: Quantizer.Options {
        var options = Quantizer.Options()
        options.rate = targetBytes.map { .bytes($0.count) } ?? targetBpw.map { .average($0) } ?? bits.map { .bits($0) } ?? usualRate
        options.family = codebook.family
        options.effort = effort
        options.recipe = recipe
        options.inclusions = include
        options.exclusions = exclude
        options.blockSize = blockSize
        options.seed = seed
        options.fitsGains = gainRefit.map { $0 == .on }
        options.feedback = feedback
        options.scaling = scaling
        options.rawType = rawType
        options.isStrict = strict
        options.threads = threads.count
        return options
    }

    /// A dry run does not choose rates that are not asked for: the size is known without them.
    private var usualRate: Quantizer.Options.Rate { writing.dryRun ? .bits(codebook.family.usual.bits) : .usual }

    func run() async throws {
        let start = ContinuousClock.now
        let model = try ModelInput(path: input, takingFiles: true)
        let target = try ModelOutput(output, format: .qamw, from: model.format)
        do {
            try await run(from: model, to: target, start: start)
        } catch let error as QAMError {
            throw error.inFile(input)
        }
    }

    private func run(from model: ModelInput, to target: ModelOutput, start: ContinuousClock.Instant) async throws {
        let weights = try AdapterFolder.merged(lora, into: model.weights(toQuantize: true).source)
        if !writing.dryRun { try target.check(weights, reading: model.configurations, replacing: writing.force, plannedBytes: 0) }
        try await model.requireSound(threads: threads.count, quiet: report.hidesProgress)
        let source = try AliasingSource(wrapping: weights)
        let progress = CalibrationProgress(), gathering = try await gathering(from: weights, progress)
        var run = gathering.statistics
        let calibrating = run == nil ? nil : progress
        let bars = PhaseBars(quiet: report.hidesProgress, calibration: calibrating)
        defer { bars.clear() }
        let statistics = try run?.statistics ?? calibration.calibration.map { try CalibrationFile(StatisticsFile.open($0)) }
        let layout = ModelOutput.Layout(container: container)
        let quantizer = try Quantizer(
            options, statistics: statistics, rateStatistics: run?.rateStatistics ?? statistics, checkpoint: Interruption.check,
            fileSize: { try target.plannedByteCount(of: $0, layout) })
        try run?.estimateSeconds(of: quantizer, coding: source, choosesRates: bits == nil && feedback == .on)
        if !report.hidesProgress, !writing.dryRun, let time = run?.longTime { Console.complain("\(time); --plain takes far less") }
        let plan = try await quantizer.plan(for: source, progress: bars.report)
        // With float16 gains the size is a lower bound: if even that does not fit, no scan is needed.
        let least = compressRaw ? 0 : try target.plannedByteCount(of: plan.outline, layout)
        if !writing.dryRun { try target.check(source, reading: model.configurations, replacing: writing.force, plannedBytes: least) }
        let coded = try await plan.codedSource(progress: bars.report)
        bars.clear()
        var result = QuantizeReport(output: target.path, inputBytes: model.fileBytes, plan: plan, source: coded, calibration: run)
        result.warnings += gathering.warnings
        if writing.dryRun {
            result.bytes = try target.plannedByteCount(of: coded, layout)
        } else {
            let done = try await ProgressBar.during("Quantizing", quiet: report.hidesProgress, countsBytes: calibrating == nil) { bar in
                calibrating?.begin(bar)
                return try await target.write(
                    coded, layout, writing: writing, threads: plan.readingThreads, inputBytes: model.fileBytes,
                    progress: calibrating.map { $0.worked } ?? bar.report)
            }
            result.bytes = done.report.bytes
            result.transfer = done.report
            result.warnings += done.report.warnings(coded.tensors) + done.warnings + (run?.gatheringWarnings ?? [])
        }
        result.seconds = (ContinuousClock.now - start).seconds
        try result.print(report)
    }

    /// The calibration in the same run: the one that is asked for, else, if the model can be run, that on the text in the program. Why there is none is a warning.
    private func gathering(
        from weights: any TensorSource, _ progress: CalibrationProgress
    ) async throws -> (statistics: GatheredStatistics?, warnings: [String]) {
        guard !plain, calibration.calibration == nil else { return (nil, []) }
        guard lora.isEmpty else { return (nil, ["\(CalibrationRequest.missing): \(CalibrationOptions.adapters)"]) }
        let request = try calibration.request(), options = options
        return try await ProgressBar.during("Tokenizing", quiet: report.hidesProgress) { bar in
            func tokenizing(_ done: Int, _ total: Int) throws { try bar.report(done, of: total, item: "") }
            guard calibration.gathers else {
                return try request.prepareIfPossible(
                    model: input, coding: weights, by: options, checkpoint: Interruption.check, tokenizing: tokenizing, progress: progress.calibrated)
            }
            let statistics = try request.prepare(
                model: input, hasGradients: feedback == .on, threads: threads.count, checkpoint: Interruption.check, tokenizing: tokenizing,
                progress: progress.calibrated)
            return (statistics, [])
        }
    }

    private var container: ContainerOptions {
        var container = ContainerOptions()
        container.compressesRaw = compressRaw
        return container
    }
}

struct CodebookFamily: ExpressibleByArgument {
    let family: Code.Family

    init(family: Code.Family) { self.family = family }

    init?(argument: String) {
        guard let family = CodecRegistry.families.first(where: { $0.name == argument }) else { return nil }
        self.init(family: family)
    }

    var defaultValueDescription: String { family.name }
    static var allValueStrings: [String] { CodecRegistry.families.map(\.name) }
}

extension Effort: ExpressibleByArgument {}

extension Recipe.Name: ExpressibleByArgument {}
extension Quantizer.Feedback: ExpressibleByArgument {}
extension Quantizer.Scaling: ExpressibleByArgument {}
extension Quantizer.RawType: ExpressibleByArgument {}

enum Toggle: String, CaseIterable, ExpressibleByArgument {
    case on
    case off
}
