import Inference
package import QAMFormat
package import Quantization

/// A calibration that a program asks for: of which text, and how much of it.
package struct CalibrationRequest: Sendable {
    /// Where the tokens come from.
    package enum Text: Sendable {
        /// The text in the program.
        case own
        /// A text in UTF-8, and where it comes from.
        case text([UInt8], path: String)
        /// A file of token ids.
        case tokens(path: String)
    }

    package var text = Text.own
    /// Tokens per window; nil for `defaultContext`, or as many as the model was trained on.
    package var context: Int?
    /// Windows that are read; nil for those of `mostTokens`, fewer for large models.
    package var windows: Int?

    package static let defaultContext = 512
    package static let mostTokens = 65_536
    private static let leastTokens = 16_384

    package init() {}

    /// More weights make each token costlier, and hardly need more tokens.
    private static func defaultTokens(weights: Int) -> Int {
        max(leastTokens, Int(Double(mostTokens) * min(1, (2.5e8 / Double(max(1, weights))).squareRoot())))
    }

    /// Of so many windows one is read to choose rates, unless that leaves fewer tokens than `leastTokens`: what errors cost at one rate relative to another
    /// hardly depends on their number.
    private static let rateStep = 4

    /// The errors of a model that cannot be run.
    private static let obstacles: Set<QAMError.Code> = [.unsupported, .malformed, .notFound, .limitExceeded]

    /// Opens a model and reads the text. Nothing is computed before the statistics are read.
    ///
    /// - Parameters:
    ///   - hasGradients: whether errors are fed into rows too, which takes a backward pass.
    ///   - checkpoint: called regularly while statistics are gathered; an error that it throws ends that work.
    ///   - tokenizing: gets the bytes of the text done and their total.
    ///   - progress: as in `CalibratingSource`.
    /// - Throws: `obstacles` for a model that cannot be run, and errors from reading the text.
    package func prepare(
        model path: String, hasGradients: Bool, threads: Int, checkpoint: @escaping @Sendable () throws -> Void,
        tokenizing: (Int, Int) throws -> Void = { _, _ in }, progress: @escaping @Sendable (Int, Int) throws -> Void
    ) throws -> GatheredStatistics {
        // Copies cost little here, and a file that becomes shorter is an error.
        let input = try TransformerInput(path: path, exact: true, access: .buffered)
        let context = context ?? min(Self.defaultContext, input.trainedContext ?? .max)
        let windows = windows ?? max(1, Self.defaultTokens(weights: input.weightCount) / context)
        let limit = TokenFile.limit(context: context, windows: windows)
        let (file, warnings, paths) = try tokens(of: path, limit: limit, tokenizing)
        let prepared = try PreparedCalibration(
            input, file, textPaths: paths, context: context, windows: windows, hasHessians: true, hasGradients: hasGradients, threads: threads,
            checkpoint: checkpoint)
        let step = min(Self.rateStep, max(1, prepared.tokenCount / Self.leastTokens))
        return try GatheredStatistics(prepared, rateStep: step, warnings: prepared.warnings + warnings, progress: progress)
    }

    /// The same for a program that can do without: for a model that cannot be run, nil and the reason as a warning; nil too if nothing is to be coded.
    package func prepareIfPossible(
        model path: String, coding weights: any TensorSource, by options: Quantizer.Options, checkpoint: @escaping @Sendable () throws -> Void,
        tokenizing: (Int, Int) throws -> Void = { _, _ in }, progress: @escaping @Sendable (Int, Int) throws -> Void
    ) throws -> (statistics: GatheredStatistics?, warnings: [String]) {
        let recipe = try options.checkedRecipe()
        guard weights.tensors.contains(where: { if case .code = recipe.decision(for: $0) { true } else { false } }) else { return (nil, []) }
        do {
            return (
                try prepare(
                    model: path, hasGradients: options.feedback == .on, threads: options.threads, checkpoint: checkpoint, tokenizing: tokenizing,
                    progress: progress), []
            )
        } catch let error as QAMError where Self.obstacles.contains(error.code) && !options.needsStatistics {
            return (nil, ["\(Self.missing): \(error.message)"])
        }
    }

    /// Begins the warning that says why there is no calibration.
    package static let missing = "without calibration, which divides the divergence by three to five"

    private func tokens(
        of model: String, limit: Int?, _ progress: (Int, Int) throws -> Void
    ) throws -> (TokenFile, warnings: [String], paths: [String]) {
        let bytes: [UInt8], source: String, paths: [String]
        switch text {
        case .tokens(let path): return (try TokenFile(path: path, limit: limit), [], [path])
        case .own: (bytes, source, paths) = try (CalibrationText.bytes(), "the text in the program", [])
        case .text(let given, let path): (bytes, source, paths) = (given, path, [path])
        }
        let (file, warnings) = try TokenFile.read(bytes, path: source, model: model, limit: limit, progress: progress)
        return (file, warnings, paths)
    }
}
