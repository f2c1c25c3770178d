internal import Architectures
internal import ArgumentParser
internal import Converters
internal import Inference
internal import QAMFormat
internal import Quantization

/// The calibration of a command that codes weights: statistics from a file, or gathered in the same run.
struct CalibrationOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Statistics of the matrices' inputs: a file of calibrate, or llama.cpp's imatrix.", valueName: "file"), completion: .file())
    var calibration: String?

    @Flag(help: "Gather the statistics in the same run: the model reads a text, and each layer is coded when its statistics are known.")
    var calibrate = false

    @Option(help: ArgumentHelp("The text for --calibrate, in UTF-8. (default: the text in the program)", valueName: "file"), completion: .file())
    var text: String?

    @Option(help: ArgumentHelp("The text for --calibrate, as a file of token ids.", valueName: "file"), completion: .file())
    var tokens: String?

    @Option(help: ArgumentHelp("Tokens per window of the text. (default: \(Self.defaultContext), or as many as the model was trained on)", valueName: "n"))
    var context: Int?

    @Option(help: ArgumentHelp("Windows of the text that are read. (default: those of \(Self.mostTokens) tokens, fewer for large models)", valueName: "n"))
    var windows: Int?

    private static let defaultContext = 512
    private static let mostTokens = 65_536
    private static let leastTokens = 16_384

    /// More weights make each token costlier, and hardly need more tokens.
    private static func defaultTokens(weights: Int) -> Int {
        max(leastTokens, Int(Double(mostTokens) * min(1, (2.5e8 / Double(max(1, weights))).squareRoot())))
    }

    /// Whether there are statistics, from whatever source.
    var isGiven: Bool { calibrate || calibration != nil }

    func validate() throws {
        if calibrate, calibration != nil { throw ValidationError("--calibrate and --calibration exclude each other.") }
        guard calibrate || (text == nil && tokens == nil && context == nil && windows == nil) else {
            throw ValidationError("--text, --tokens, --context and --windows take --calibrate.")
        }
        if text != nil, tokens != nil { throw ValidationError("--text and --tokens exclude each other.") }
        try TokenFile.validate(context: context, windows: windows)
    }

    /// What a calibration in the same run reads, and what it takes.
    struct Run {
        let statistics: CalibrationFile
        let windows: Int
        let context: Int
        let byteCount: Int
        let warnings: [String]

        var json: JSONValue {
            ["windows": JSONValue(windows), "context": JSONValue(context), "memoryBytes": JSONValue(byteCount)]
        }

        /// For the report.
        var summary: String {
            "\(Format.count(windows * context, "token")) in windows of \(context), about \(Format.bytes(byteCount)) of memory"
        }
    }

    /// Prepares a calibration in the same run.
    ///
    /// - Parameters:
    ///   - hasGradients: whether errors are fed into rows too, which takes a backward pass.
    ///   - progress: as in `CalibratingSource`.
    func run(
        model path: String, hasGradients: Bool, threads: Int, quiet: Bool, progress: @escaping @Sendable (Int, Int) throws -> Void
    ) async throws -> Run {
        let input: TransformerInput
        do {
            input = try TransformerInput(path: path, exact: true)
        } catch var error as QAMError where error.code == .unsupported || error.code == .malformed {
            error.message += "; without --calibrate it is quantized without statistics"
            throw error
        }
        let context = context ?? min(Self.defaultContext, input.trainedContext ?? .max)
        let wanted = windows ?? max(1, Self.defaultTokens(weights: input.weightCount) / context)
        let (file, textWarnings) = try await tokens(of: path, limit: TokenFile.limit(context: context, windows: wanted), quiet: quiet)
        try file.require(vocabularySize: input.model.configuration.vocabularySize)
        let count = try file.windows(of: context, wanted: wanted)
        let calibrator = try Calibrator(
            input.model, context: context, gatheringHessians: true, gatheringGradients: hasGradients, pool: WorkerPool(width: threads),
            checkpoint: Interruption.check)
        let paths = input.paths + [text, tokens].compactMap(\.self)
        let source = try CalibratingSource(calibrator, tokens: file.tokens, windows: count, paths: paths, progress: progress)
        return Run(
            statistics: try CalibrationFile(computing: source), windows: count, context: context, byteCount: calibrator.byteCount(windows: count),
            warnings: input.warnings + textWarnings)
    }

    private func tokens(of model: String, limit: Int?, quiet: Bool) async throws -> (TokenFile, warnings: [String]) {
        if let tokens { return (try TokenFile(path: tokens, limit: limit), []) }
        let bytes = try text.map { try TextFile.read($0) } ?? CalibrationText.bytes()
        return try await TokenFile.read(bytes, path: text ?? "the text in the program", model: model, limit: limit, quiet: quiet)
    }
}
