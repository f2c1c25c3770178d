internal import Quantization
internal import ArgumentParser
internal import Converters
internal import QAMFormat

struct Quantize: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Write a model as .qamw with quantized weights.",
        discussion: """
            The recipe says which tensors are quantized: "linear" every matrix but embeddings, output heads and routers; \
            "mlp" the weights of feed-forward blocks; "all" everything that can be. --include adds tensors by a regular \
            expression that is looked for in their names, with bits of their own after the last "="; of several that \
            match the last counts. --exclude takes tensors away, whatever includes them. Regular expressions have . [a-z] [^a-z] \
            \\d \\w \\s \\D \\W \\S (...) (?:...) | * + ? {m,n} ^ $ \\b \\B and (?i) at the begin; a backslash before any other \
            character that is no letter or digit takes it as it is.

            With --resume an interrupted run leaves what it has done, and the same command goes on from there.

            Example:
              qamw quantize models/llama llama.qamw --bits 4.5 --include 'down_proj=5.5' --exclude 'layers\\.0\\.'
            """)

    @Argument(help: "The model to read.", completion: .file())
    var input: String

    @Argument(help: "The .qamw file to write, or a folder for model.qamw.", completion: .file(extensions: ["qamw"]))
    var output: String

    @Option(help: ArgumentHelp("Bits a weight: 2 to 6.5 in steps of 0.5; 5.5 unless said otherwise. int8 has 8.", valueName: "bits"))
    var bits: Double?

    @Option(
        help: ArgumentHelp(
            "Spread rates over the tensors so that errors cost least, by the calibration, with so many bits a quantized weight on average, all overhead included.",
            valueName: "bits"))
    var targetBpw: Double?

    @Option(help: "The family of codebooks: octant is made for speed, free is the published code.")
    var codebook = CodebookFamily(family: .octant)

    @Option(help: "Which tensors to quantize.")
    var recipe = RecipeName.linear

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

    @Option(help: ArgumentHelp("Statistics of the matrices' inputs: a file of calibrate, or llama.cpp's imatrix.", valueName: "file"), completion: .file())
    var calibration: String?

    @Option(
        help: """
            Feed the error of each pair into the columns and rows after it, as far as the calibration has second moments of inputs and outputs; \
            "columns" into columns only.
            """)
    var feedback = FeedbackRule.on

    @Option(
        help: """
            Code columns that matter more more precisely, by the calibration: "published" by mean|x|^0.3, "optimal" so that the outputs err least; \
            left out where it would not help. "smooth" is for int8: SmoothQuant's (max|x| / max|w|)^0.5. Without this option: optimal where there \
            is no feedback; none for int8.
            """)
    var scaling: ScalingRule?

    @Flag(help: "Compress the tensors that stay raw; those cannot be mapped.")
    var compressRaw = false

    @Flag(help: "Fail where the recipe wants a tensor that cannot be quantized.")
    var strict = false

    @OptionGroup var threads: ThreadOptions
    @OptionGroup var writing: WritingOptions
    @OptionGroup var report: ReportOptions

    func validate() throws {
        _ = try rules()
        guard (2...32768).contains(blockSize), blockSize & (blockSize - 1) == 0 else {
            throw ValidationError("--block-size takes a power of two from 2 to 32768, not \(blockSize).")
        }
        if let scaling, scaling != .none, calibration == nil { throw ValidationError("--scaling takes a --calibration.") }
        if let targetBpw {
            guard bits == nil else { throw ValidationError("--bits and --target-bpw exclude each other.") }
            guard calibration != nil else { throw ValidationError("--target-bpw takes a --calibration.") }
            guard codebook.family.codes.count > 1 else {
                throw ValidationError("--target-bpw chooses among rates, and \(codebook.family.name) has only one.")
            }
            guard targetBpw > 0, targetBpw <= 64 else { throw ValidationError("--target-bpw takes a positive number up to 64, not \(targetBpw).") }
        }
        if let format = OutputFormat(nameOf: output), format != .qamw, try FileStatus(output)?.kind != .folder {
            throw ValidationError("quantize writes .qamw files, and \(output) would be taken for something else.")
        }
    }

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
        let weights = try model.weights().source
        if !writing.dryRun { try target.check(weights, reading: model.configurations, replacing: writing.force, plannedBytes: 0) }
        try await model.requireSound(threads: threads.count, quiet: report.hidesProgress)
        let source = try AliasingSource(wrapping: weights)
        let rules = try rules()
        let statistics = try calibration.map { try CalibrationFile(StatisticsFile.open($0)).ordered(for: source) }
        var (plan, free, raw) = try choose(by: rules, source, statistics)
        var scaled: [ChannelScaling.Outcome]?
        if let statistics, let rule = scaling.map(\.rule) ?? usualScaling(plan) {
            scaled = try await rule.apply(to: &plan, of: source, by: statistics, threads: threads.count)
        }
        var rates: ChosenRates?
        if let statistics, let targetBpw {
            let measured = try await ProgressBar.during("Measuring", quiet: report.hidesProgress, countsBytes: false) { bar in
                try await RateMeasurement.measure(
                    free, of: source, plan: plan, by: statistics, threads: threads.count, checkpoint: Interruption.check
                ) { try bar.report($0, of: $1, item: $2) }
            }
            rates = try ChosenRates(measured, for: &plan, of: source, by: statistics, target: targetBpw)
        }
        var layout = ModelOutput.Layout()
        layout.container.compressesRaw = compressRaw

        // With the shorter gains it is as small as it can be: if even that does not fit, no scan is needed to say so.
        let least = try QuantizingSource(source, plan: plan, gainTypes: plan.choices.mapValues { _ in .float16 }, calibration: statistics)
        let leastBytes = try target.plannedByteCount(of: least, layout)
        if !writing.dryRun { try target.check(source, reading: model.configurations, replacing: writing.force, plannedBytes: compressRaw ? 0 : leastBytes) }

        let quantizing = try await ProgressBar.during("Scanning", quiet: report.hidesProgress) { bar in
            try await QuantizingSource.scanning(source, plan: plan, calibration: statistics, threads: threads.count, checkpoint: Interruption.check) {
                try bar.report($0, of: $1, item: $2)
            }
        }
        var result = try QuantizeReport(
            output: target.path, inputBytes: model.fileBytes, source: quantizing, quantized: Set(plan.choices.keys), raw: raw)
        result.scaling = scaled
        result.rates = rates
        result.fedBack = plan.choices.values.count { $0.feedback != .off }
        if writing.dryRun {
            result.bytes = try target.plannedByteCount(of: quantizing, layout)
        } else {
            let done = try await ProgressBar.during("Quantizing", quiet: report.hidesProgress) { bar in
                try await target.write(
                    quantizing, layout, writing: writing, threads: threads.count, inputBytes: model.fileBytes, progress: bar)
            }
            result.bytes = done.report.bytes
            result.distortion = done.report.distortion
        }
        result.warnings = quantizing.warnings + rules.unmatchedPatterns(in: source.tensors).map { "\"\($0)\" matches the name of no tensor" }
        if let warning = Self.twiceCoded(plan, source) { result.warnings.append(warning) }
        if let statistics {
            let unknown = plan.choices.keys.sorted().map { source.tensors[$0] }.filter { statistics.input(of: $0) == nil }
            if let first = unknown.first {
                result.warnings.append(
                    "the calibration knows nothing of \(Format.count(unknown.count, "quantized tensor")) of this shape, \"\(first.name)\" the first")
            }
        }
        if plan.choices.isEmpty { result.warnings.append("no tensor was quantized") }
        result.isDryRun = writing.dryRun
        result.seconds = (ContinuousClock.now - start).seconds
        try result.print(report)
    }

    /// A warning where weights are quantized that were so before, in ggml's block types.
    private static func twiceCoded(_ plan: QuantizationPlan, _ source: any TensorSource) -> String? {
        let types = plan.choices.keys.compactMap { index -> String? in
            guard case .raw(let dtype) = source.tensors[index].storage, dtype.blockElements > 1 else { return nil }
            return dtype.name
        }
        guard !types.isEmpty else { return nil }
        let names = Set(types).sorted().joined(separator: ", ")
        return
            "\(Format.count(types.count, "tensor")) had been quantized before (\(names)) and are coded a second time; the error is that against these values, and comes on top"
    }

    private func rules() throws -> Recipe {
        do {
            var rules = Recipe(recipe.name, code: try code())
            for rule in include { try rules.include(rule) }
            for rule in exclude { try rules.exclude(rule) }
            return rules
        } catch let error as QAMError {
            throw ValidationError(error.message + ".")
        }
    }

    /// The rule that is followed where none is named.
    private func usualScaling(_ plan: QuantizationPlan) -> ChannelScaling? {
        plan.choices.values.contains { $0.feedback != .off } || !codebook.family.isRotated ? nil : .optimal
    }

    private func code() throws -> Code { try bits.map { try Code(codebook.family, bits: $0) } ?? codebook.family.usual }

    /// Applies the recipe to every tensor. `free` are those whose bits no rule says.
    private func choose(
        by rules: Recipe, _ source: any TensorSource, _ statistics: CalibrationFile?
    ) throws -> (plan: QuantizationPlan, free: [Int], raw: RawTensors) {
        var plan = QuantizationPlan(choices: [:], refit: gainRefit.map { $0 == .on }), free: [Int] = []
        var raw = RawTensors()
        for (index, tensor) in source.tensors.enumerated() {
            if case .alias = tensor.storage { continue }
            try Interruption.check()
            switch rules.decision(for: tensor) {
            case .code(let code):
                if !rules.hasOwnBits(tensor.name) { free.append(index) }
                let possible = statistics.map { QuantizationChoice.Feedback($0, for: tensor) } ?? .off
                plan.choices[index] = QuantizationChoice(
                    code, blockSizeCap: blockSize, seed: seed, feedback: feedback.limit(possible))
            case .leave(let reason, let wanted):
                guard !(strict && wanted) else {
                    throw QAMError(
                        .unsupported, "it cannot be quantized (\(reason)), and --strict forbids to leave it; --exclude it",
                        at: .init(tensor: tensor.name))
                }
                if case .raw = tensor.storage { raw.add(tensor, reason: reason) }
            }
        }
        return (plan, free, raw)
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

enum ScalingRule: String, CaseIterable, ExpressibleByArgument {
    case none
    case published
    case optimal
    case smooth

    var rule: ChannelScaling? {
        switch self {
        case .none: nil
        case .published: .published
        case .optimal: .optimal
        case .smooth: .smooth
        }
    }
}

enum FeedbackRule: String, CaseIterable, ExpressibleByArgument {
    case on
    case columns
    case off

    /// The feedback that is wanted of what is possible.
    func limit(_ possible: QuantizationChoice.Feedback) -> QuantizationChoice.Feedback {
        switch self {
        case .on: possible
        case .columns: possible == .off ? .off : .columns
        case .off: .off
        }
    }
}

enum RecipeName: String, CaseIterable, ExpressibleByArgument {
    case linear
    case mlp
    case all

    var name: Recipe.Name {
        switch self {
        case .linear: .linear
        case .mlp: .mlp
        case .all: .all
        }
    }
}

enum Toggle: String, CaseIterable, ExpressibleByArgument {
    case on
    case off
}
