import Inference
package import QAMFormat
package import Quantization

/// Statistics that are gathered while a model is coded.
package struct GatheredStatistics: Sendable {
    package let prepared: PreparedCalibration
    package let statistics: CalibrationFile
    /// Those of fewer windows, for choosing rates.
    package let rateStatistics: CalibrationFile
    /// What opening the model and its tokenizer noticed.
    package let warnings: [String]
    private let gathering: CalibratingSource
    private let rateWindows: Int
    /// About how many seconds gathering and coding take, once it is known what is coded.
    package private(set) var seconds: (gathering: Double, coding: Double)?

    /// - Parameter rateStep: of so many windows one is read to choose rates.
    init(
        _ prepared: PreparedCalibration, rateStep: Int, warnings: [String], progress: @escaping @Sendable (Int, Int) throws -> Void
    ) throws {
        self.prepared = prepared
        self.warnings = warnings
        gathering = try prepared.source(progress: progress)
        statistics = try CalibrationFile(computing: gathering)
        rateStatistics = try CalibrationFile(computing: prepared.source(every: rateStep, progress: progress))
        rateWindows = (prepared.windows + rateStep - 1) / rateStep
    }

    /// What gathering noticed, complete when all statistics have been read.
    package var gatheringWarnings: [String] { gathering.gatheringWarnings }

    /// Estimates the time of the work.
    ///
    /// - Parameter choosesRates: whether `rateStatistics` are read first.
    package mutating func estimateSeconds(of quantizer: Quantizer, coding source: any TensorSource, choosesRates: Bool) throws {
        let speed = try prepared.calibrator.measuredSpeed(), windows = prepared.windows + (choosesRates ? rateWindows : 0)
        seconds = (prepared.calibrator.multiplyAdds(windows: windows) / speed, try quantizer.codingSeconds(for: source, speed: speed))
    }
}
