internal import Synchronization

/// The progress of work that gathers statistics as it needs them: of two kinds, whose times are measured apart, so that the time left is that of both.
final class CalibrationProgress: Sendable {
    private struct Kind {
        var share = 0.0
        var seconds = 0.0

        /// The time of all work of this kind, by that done so far; nil before any.
        var total: Double? { share > 0 ? seconds / share : nil }

        mutating func add(_ done: Int, of total: Int, _ seconds: Double) {
            self.seconds += seconds
            share = total > 0 ? Double(done) / Double(total) : 1
        }
    }

    private struct State {
        var bar: ProgressBar?
        var calibration = Kind()
        var work = Kind()
        var last = ContinuousClock.now
    }

    private let state = Mutex(State())
    /// The time of the other work, relative to that of the calibration, before any is done.
    private static let expectedWork = 0.5

    /// A phase begins, with this bar. The statistics are gathered anew in each.
    func begin(_ bar: ProgressBar) {
        state.withLock { $0 = State(bar: bar) }
    }

    /// Steps of the calibration. Throws `interrupted` after a signal.
    func calibrated(_ done: Int, of total: Int) throws {
        try report(item: "gathering statistics") { $0.calibration.add(done, of: total, $1) }
    }

    /// Other work. Throws `interrupted` after a signal.
    func worked(_ done: Int, of total: Int, item: String) throws {
        try report(item: item) { $0.work.add(done, of: total, $1) }
    }

    private func report(item: String, _ add: (inout State, _ seconds: Double) -> Void) throws {
        let (bar, spent, all) = state.withLock { state in
            let now = ContinuousClock.now
            add(&state, (now - state.last).seconds)
            state.last = now
            // Before anything is known, nothing is done.
            guard state.calibration.total != nil || state.work.total != nil else { return (state.bar, 0.0, 0.001) }
            let calibration = state.calibration.total ?? 0
            return (state.bar, state.calibration.seconds + state.work.seconds, calibration + (state.work.total ?? Self.expectedWork * calibration))
        }
        // Milliseconds are a fine enough unit.
        if let bar { try bar.report(Int(1000 * spent), of: Int(1000 * max(spent, all)), item: item) } else { try Interruption.check() }
    }
}
