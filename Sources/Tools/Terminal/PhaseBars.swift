internal import Quantization

/// The progress of a quantizer: a bar for each of its phases.
final class PhaseBars {
    private let isQuiet: Bool
    private var current: (phase: Quantizer.Progress.Phase, bar: ProgressBar)?

    init(quiet: Bool) { isQuiet = quiet }

    func report(_ progress: Quantizer.Progress) throws {
        if current?.phase != progress.phase {
            clear()
            current = (progress.phase, ProgressBar(Self.title(progress.phase), quiet: isQuiet, countsBytes: progress.phase == .scanning))
        }
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
