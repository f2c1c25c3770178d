package import Inference
import QAMFormat
package import Quantization

/// A model and the tokens of a text, ready to gather statistics.
package struct PreparedCalibration {
    package let calibrator: Calibrator
    package let windows: Int
    /// The number of weights of the model.
    package let weightCount: Int
    /// What opening the model noticed.
    package let warnings: [String]
    private let tokens: [UInt32]
    /// The files that are read.
    private let paths: [String]

    package var context: Int { calibrator.context }
    package var tokenCount: Int { windows * context }
    /// About how much memory gathering takes.
    package var byteCount: Int { calibrator.byteCount(windows: windows) }

    /// - Parameters:
    ///   - windows: how many are read; nil for all.
    ///   - textPaths: the files that the tokens come from.
    ///   - checkpoint: as in `Calibrator`.
    /// - Throws: `malformed` for tokens that the model does not have, `invalidArgument` for fewer than a window, and errors from `Calibrator`.
    package init(
        _ input: TransformerInput, _ file: TokenFile, textPaths: [String], context: Int, windows: Int?, hasHessians: Bool, hasGradients: Bool, threads: Int,
        checkpoint: @escaping @Sendable () throws -> Void
    ) throws {
        try file.require(vocabularySize: input.model.configuration.vocabularySize)
        self.windows = try file.windows(of: context, wanted: windows)
        calibrator = try Calibrator(
            input.model, context: context, gatheringHessians: hasHessians, gatheringGradients: hasGradients, pool: WorkerPool(width: threads),
            checkpoint: checkpoint)
        weightCount = input.weightCount
        warnings = input.warnings
        tokens = file.tokens
        paths = input.paths + textPaths
    }

    /// The statistics, computed as they are read.
    ///
    /// - Parameters:
    ///   - step: only every so many windows are read.
    ///   - progress: as in `CalibratingSource`.
    /// - Throws: errors from `CalibrationRun`.
    package func source(every step: Int = 1, progress: @escaping @Sendable (Int, Int) throws -> Void) throws -> CalibratingSource {
        let chosen = Array(stride(from: 0, to: windows, by: step))
        let read = step == 1 ? tokens : chosen.flatMap { tokens[$0 * context..<($0 + 1) * context] }
        return try CalibratingSource(calibrator, tokens: read, windows: chosen.count, paths: paths, progress: progress)
    }
}
