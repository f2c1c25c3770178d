internal import Quantization

/// The progress of a quantizer: a bar for each of its phases.
final class PhaseBars {
    private let isQuiet: Bool
    /// The statistics that are gathered while rates are measured; nil if they are known.
    private let calibration: CalibrationProgress?
    private var current: (phase: Quantizer.Progress.Phase, bar: ProgressBar)?

    init(quiet: Bool, calibration: CalibrationProgress?) { (isQuiet, self.calibration) = (quiet, calibration) }

    func report(_ progress: Quantizer.Progress) throws {
        if current?.phase != progress.phase {
            clear()
            let bar = ProgressBar(Self.title(progress.phase), quiet: isQuiet, countsBytes: progress.phase == .scanning)
            current = (progress.phase, bar)
            calibration?.begin(bar)
        }
        if let calibration, progress.phase != .scanning { return try calibration.worked(progress.done, of: progress.total, item: progress.item) }
        try current?.bar.report(progress.done, of: progress.total, item: progress.item)
    }

    /// Takes the bar off the screen.
    func clear() {
        current?.bar.clear()
        current = nil
    }

    private static func title(_ phase: Quantizer.Progress.Phase) -> String {
        switch phase {
        case .scaling: "Scaling"
        case .measuring: "Measuring"
        case .scanning: "Scanning"
        }
    }
}
