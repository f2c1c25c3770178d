#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#else
internal import Darwin
#endif
internal import ArgumentParser
internal import QAMFormat
internal import Synchronization

/// Signals that ask the program to stop. The first one only raises a flag, so that the work ends between two chunks and
/// cleans up; the second one ends the program at once.
enum Interruption {
    private static let received = Atomic<Bool>(false)

    /// Installs the handlers, before any work begins.
    static func install() {
        for signal in [SIGINT, SIGTERM, SIGHUP] { handle(signal) }
        // A closed pipe is an error of `write`, not a reason to die with a partial file left behind.
        _ = signal(SIGPIPE, SIG_IGN)
    }

    /// Throws `interrupted` after a signal.
    static func check() throws {
        if received.load(ordering: .relaxed) { throw QAMError(.interrupted, "interrupted") }
    }

    private static func handle(_ number: CInt) {
        let previous = signal(number) { _ in
            if Interruption.received.exchange(true, ordering: .relaxed) { _exit(ExitStatus.interrupted.rawValue) }
        }
        // Whoever started the program may want it to ignore the signal: nohup does so with SIGHUP.
        if unsafe unsafeBitCast(previous, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self) { _ = signal(number, SIG_IGN) }
    }
}
