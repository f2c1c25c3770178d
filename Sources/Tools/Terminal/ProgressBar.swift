internal import QAMFormat
internal import Synchronization

/// A progress bar on standard error, only if that is a terminal and progress is wanted.
///
/// Each report also checks for signals, so that work which reports can be interrupted.
final class ProgressBar: Sendable {
    private static let interval = Duration.milliseconds(100)

    private let title: String
    private let isShown: Bool
    /// Whether the unit is bytes, so that a rate is shown.
    private let countsBytes: Bool
    private let start = ContinuousClock.now
    private let state = Mutex(State())

    private struct State {
        var lastDrawn: ContinuousClock.Instant?
        /// The amount done before this run, which does not count for the rate.
        var initial: Int?
    }

    init(_ title: String, quiet: Bool, countsBytes: Bool = true) {
        self.title = title
        self.countsBytes = countsBytes
        isShown = !quiet && Platform.standardErrorIsTerminal
    }

    /// Draws the bar at most ten times a second. Throws `interrupted` after a signal.
    func report(_ done: Int, of total: Int, item: String) throws {
        do {
            try Interruption.check()
        } catch {
            clear()
            throw error
        }
        guard isShown else { return }
        state.withLock { state in
            let initial = state.initial ?? done
            state.initial = initial
            let now = ContinuousClock.now
            if let lastDrawn = state.lastDrawn, now - lastDrawn < Self.interval { return }
            state.lastDrawn = now
            let line = line(done: done, total: total, since: initial, seconds: (now - start).seconds, item: item, width: Platform.terminalWidth - 1)
            Console.write("\r\(line)\u{1B}[K")
        }
    }

    /// Removes the bar from the screen.
    func clear() {
        state.withLock { state in
            guard state.lastDrawn != nil else { return }
            state.lastDrawn = nil
            Console.write("\r\u{1B}[K")
        }
    }

    /// Runs a piece of work with a bar, which is removed at the end or on error.
    static func during<Result>(
        _ title: String, quiet: Bool, countsBytes: Bool = true, _ work: (ProgressBar) async throws -> Result
    ) async throws -> Result {
        let bar = ProgressBar(title, quiet: quiet, countsBytes: countsBytes)
        defer { bar.clear() }
        return try await work(bar)
    }

    /// `Quantizing [=====>    ]  43%  81.2 MB/s  0:12 left  model.layers.3.mlp.up_proj.weight`, shortened to the width.
    private func line(done: Int, total: Int, since initial: Int, seconds: Double, item: String, width: Int) -> String {
        let share = total > 0 ? min(1, Double(done) / Double(total)) : 1
        let cells = width < 72 ? 10 : 20
        let filled = Int(share * Double(cells))
        let bar = String(repeating: "=", count: filled) + (filled < cells ? ">" : "") + String(repeating: " ", count: max(0, cells - filled - 1))
        let percent = "\(Int(share * 100))%"
        var line = "\(title) [\(bar)] \(String(repeating: " ", count: 4 - percent.count))\(percent)"
        func append(_ part: String) {
            if line.count + 2 + part.count <= width { line += "  " + part }
        }

        let advance = Double(done - initial)
        if seconds > 0, advance > 0 {
            if countsBytes { append(Format.rate(advance, seconds: seconds)) }
            append("\(Format.clock(seconds: Double(total - done) / advance * seconds)) left")
        }
        // A name of a few letters is useless.
        let room = width - line.count - 2
        if room >= 12 { append(Format.shortened(Format.printable(item), to: room)) }
        return String(line.prefix(max(0, width)))
    }
}

extension Duration {
    var seconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }
}
