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

/// Signals that ask the program to stop. The first one only raises a flag, so that the work ends between two chunks and
/// cleans up; the second one removes the temporary files and ends the program at once.
enum Interruption {
    private static let received = Atomic<Bool>(false)
    /// A queue of its own, so that signals are heard while all other threads work.
    private static let queue = DispatchQueue(label: "signals")

    /// Starts to listen, before any work begins.
    static func install() {
        for number in [SIGINT, SIGTERM, SIGHUP] {
            // Whoever started the program may want it to ignore the signal: nohup does so with SIGHUP.
            let previous = signal(number, SIG_IGN)
            if unsafe unsafeBitCast(previous, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self) { continue }
            let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
            // The handler holds the source, which lives as long as the program.
            source.setEventHandler { receive(count: source.data) }
            source.activate()
        }
        // A closed pipe is an error of `write`, not a reason to die with a partial file left behind.
        _ = signal(SIGPIPE, SIG_IGN)
    }

    /// Throws `interrupted` after a signal.
    static func check() throws {
        if received.load(ordering: .relaxed) { throw QAMError(.interrupted, "interrupted") }
    }

    /// `count` is how often a signal has come since the last time.
    private static func receive(count: UInt) {
        guard received.exchange(true, ordering: .relaxed) || count > 1 else { return }
        TemporaryFiles.removeAll()
        _exit(ExitStatus.interrupted.rawValue)
    }
}
