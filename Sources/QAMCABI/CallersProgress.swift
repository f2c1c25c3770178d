import CQAMW
import QAMFormat
import Synchronization

/// The caller's progress handler, and how far the work was when it was called last.
///
/// Work that takes long between two steps asks by `checkpoint`, so that the caller can end it all the same.
@safe final class CallersProgress: @unchecked Sendable {
    // Unchecked, because C's pointers are not Sendable: the handler is called from any thread, by the rules of the header.
    private let handler: qamw_progress_handler?
    private let context: UnsafeMutableRawPointer?
    private let last = Mutex<(state: State, told: ContinuousClock.Instant)?>(nil)

    private struct State {
        var phase: UInt32
        var done: Int
        var total: Int
        var item: String
    }

    @unsafe init(_ handler: qamw_progress_handler?, _ context: UnsafeMutableRawPointer?) {
        unsafe self.handler = handler
        unsafe self.context = context
    }

    /// Tells the caller how far the work is. Throws `interrupted` where the caller wants no more of it.
    func report(_ phase: Int, _ done: Int, _ total: Int, _ item: String) throws {
        try last.withLock { last in
            let state = State(phase: UInt32(phase), done: done, total: total, item: item)
            last = (state, .now)
            try tell(state)
        }
    }

    /// Asks the caller again, at most ten times a second.
    func checkpoint() throws {
        _ = try last.withLockIfAvailable { last in
            guard let known = last, ContinuousClock.now - known.told > .milliseconds(100) else { return }
            last = (known.state, .now)
            try tell(known.state)
        }
    }

    private func tell(_ state: State) throws {
        guard let handler = unsafe handler else { return }
        let answer = unsafe state.item.withCString { item in
            var progress = unsafe qamw_progress()
            unsafe progress.size = UInt32(MemoryLayout<qamw_progress>.size)
            unsafe progress.phase = state.phase
            unsafe progress.done = UInt64(state.done)
            unsafe progress.total = UInt64(state.total)
            unsafe progress.item = item
            return unsafe handler(&progress, context)
        }
        if answer != 0 { throw QAMError(.interrupted, "the caller asked to stop; nothing is left of the output") }
    }
}
