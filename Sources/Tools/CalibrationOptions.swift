internal import Architectures
internal import ArgumentParser
internal import Converters
internal import Inference
internal import QAMFormat
internal import Quantization

/// The calibration of a command that codes weights: statistics from a file, or gathered in the same run.
struct CalibrationOptions: ParsableArguments {
    @Option(
        name: [.long, .customLong("imatrix")],
        help: ArgumentHelp("Statistics of the matrices' inputs: a file of calibrate, or llama.cpp's imatrix.", valueName: "file"), completion: .file())
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

    /// Why statistics are not gathered of a model with adapters.
    static let adapters = "The model is run without adapters: merge them first, by convert --lora"

    /// The errors of a model that cannot be run.
    static let obstacles: Set<QAMError.Code> = [.unsupported, .malformed, .notFound, .limitExceeded]

    /// Whether there are statistics, from whatever source.
    var isGiven: Bool { gathers || calibration != nil }

    /// Whether statistics are to be gathered in the same run.
    var gathers: Bool { calibrate || text != nil || tokens != nil || context != nil || windows != nil }

    func validate() throws {
        if gathers, calibration != nil { throw ValidationError("--calibration has its statistics already: it excludes --calibrate and its text.") }
        if text != nil, tokens != nil { throw ValidationError("--text and --tokens exclude each other.") }
        try TokenFile.validate(context: context, windows: windows)
    }

    /// Statistics that are gathered in the same run.
    struct Run {
        let prepared: PreparedCalibration
        let statistics: CalibrationFile
        /// Those of fewer tokens, for choosing rates.
        let rateStatistics: CalibrationFile
        let warnings: [String]
        /// The windows that are read for `rateStatistics`.
        fileprivate let rateWindows: Int
        /// About how many seconds gathering and coding take, once it is known what is coded.
        private(set) var seconds: (gathering: Double, coding: Double)?

        /// Estimates the time of a run.
        ///
        /// - Parameter choosesRates: whether `rateStatistics` are read first.
        mutating func estimateSeconds(of quantizer: Quantizer, coding source: any TensorSource, choosesRates: Bool) throws {
            let speed = try prepared.calibrator.measuredSpeed(), windows = prepared.windows + (choosesRates ? rateWindows : 0)
            seconds = (
                prepared.calibrator.multiplyAdds(windows: windows) / speed, try quantizer.codingSeconds(for: source, speed: speed)
            )
        }

        var json: JSONValue {
            [
                "windows": JSONValue(prepared.windows), "context": JSONValue(prepared.context), "memoryBytes": JSONValue(prepared.byteCount),
                "expectedSeconds": seconds.map { .number($0.gathering + $0.coding) } ?? .null,
            ]
        }

        /// What is said before a run that takes minutes; nil for a shorter one.
        var longTime: String? {
            guard let seconds, seconds.gathering + seconds.coding >= 60 else { return nil }
            return
                "gathering statistics of \(Format.count(prepared.tokenCount, "token")) takes about \(Format.duration(seconds.gathering)), coding \(Format.duration(seconds.coding))"
        }

        /// For the report.
        var summary: String {
            "\(Format.count(prepared.tokenCount, "token")) in windows of \(prepared.context), about \(Format.bytes(prepared.byteCount)) of memory"
        }
    }

    /// Of so many windows one is read to choose rates, unless that leaves fewer tokens than `leastTokens`: what errors cost at one rate relative to another
    /// hardly depends on their number.
    private static let rateStep = 4

    /// Prepares a calibration in the same run.
    ///
    /// - Parameters:
    ///   - hasGradients: whether errors are fed into rows too, which takes a backward pass.
    ///   - progress: as in `CalibratingSource`.
    func run(
        model path: String, hasGradients: Bool, threads: Int, quiet: Bool, progress: @escaping @Sendable (Int, Int) throws -> Void
    ) async throws -> Run {
        let input = try TransformerInput(path: path, exact: true)
        let context = context ?? min(Self.defaultContext, input.trainedContext ?? .max)
        let wanted = windows ?? max(1, Self.defaultTokens(weights: input.weightCount) / context)
        let (file, textWarnings) = try await tokens(of: path, limit: TokenFile.limit(context: context, windows: wanted), quiet: quiet)
        let prepared = try PreparedCalibration(
            input, file, textPaths: [text, tokens].compactMap(\.self), context: context, windows: wanted, hasHessians: true, hasGradients: hasGradients,
            threads: threads)
        let step = min(Self.rateStep, max(1, prepared.tokenCount / Self.leastTokens))
        return Run(
            prepared: prepared, statistics: try CalibrationFile(computing: prepared.source(progress: progress)),
            rateStatistics: try CalibrationFile(computing: prepared.source(every: step, progress: progress)), warnings: prepared.warnings + textWarnings,
            rateWindows: (prepared.windows + step - 1) / step)
    }

    private func tokens(of model: String, limit: Int?, quiet: Bool) async throws -> (TokenFile, warnings: [String]) {
        if let tokens { return (try TokenFile(path: tokens, limit: limit), []) }
        let bytes = try text.map { try TextFile.read($0) } ?? CalibrationText.bytes()
        return try await TokenFile.read(bytes, path: text ?? "the text in the program", model: model, limit: limit, quiet: quiet)
    }
}
