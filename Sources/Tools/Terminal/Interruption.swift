#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif
internal import ArgumentParser
internal import Dispatch
internal import QAMFormat
internal import Synchronization

/// Signals that terminate the program. The first one sets a flag, so that the work ends between two chunks and cleans up; the second one
/// removes the temporary files and exits at once.
enum Interruption {
    private static let received = Atomic<Bool>(false)
    /// Whether one of the signals was another than that of the keyboard.
    private static let isEnding = Atomic<Bool>(false)
    /// A separate queue, so that signals are handled while all other threads work.
    private static let queue = DispatchQueue(label: "signals")

    /// Installs the handlers, before any work begins.
    static func install() {
        for number in [SIGINT, SIGTERM, SIGHUP] {
            // The parent may want the signal ignored: nohup does so with SIGHUP.
            let previous = signal(number, SIG_IGN)
            if unsafe unsafeBitCast(previous, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self) { continue }
            let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
            // The handler retains the source for the lifetime of the program.
            source.setEventHandler {
                if number != SIGINT { isEnding.store(true, ordering: .relaxed) }
                receive(count: source.data)
            }
            source.activate()
        }
        // A closed pipe must be an error of `write`, not terminate the process with a partial file left.
        _ = signal(SIGPIPE, SIG_IGN)
    }

    /// Throws `interrupted` after a signal.
    static func check() throws {
        if received.load(ordering: .relaxed) { throw QAMError(.interrupted, "interrupted") }
    }

    /// Whether the user has interrupted since the last call, which then does not end the program.
    static func takeInterrupt() -> Bool {
        !isEnding.load(ordering: .relaxed) && received.exchange(false, ordering: .relaxed)
    }

    /// `count` is the number of signals since the last call.
    private static func receive(count: UInt) {
        guard received.exchange(true, ordering: .relaxed) || count > 1 else { return }
        TemporaryFiles.removeAll()
        _exit(ExitStatus.interrupted.rawValue)
    }
}
