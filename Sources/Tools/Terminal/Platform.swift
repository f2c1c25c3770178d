#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#else
internal import Darwin
#endif

/// What the command asks of the operating system beside files.
enum Platform {
    /// Processors that this process may use.
    static var processorCount: Int { max(1, Int(sysconf(CInt(_SC_NPROCESSORS_ONLN)))) }

    /// The most memory that the process has held so far.
    static var peakMemoryBytes: Int {
        var usage = rusage()
        #if canImport(Darwin)
        guard unsafe getrusage(RUSAGE_SELF, &usage) == 0 else { return 0 }
        return usage.ru_maxrss
        #else
        #if canImport(Glibc)
        let own = RUSAGE_SELF.rawValue
        #else
        let own = RUSAGE_SELF
        #endif
        guard unsafe getrusage(CInt(own), &usage) == 0 else { return 0 }
        return usage.ru_maxrss * 1024
        #endif
    }

    static var standardErrorIsTerminal: Bool { isatty(STDERR_FILENO) == 1 }

    /// The columns of the terminal behind standard error.
    static var terminalWidth: Int {
        var size = winsize()
        guard unsafe ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
        return Int(size.ws_col)
    }

    /// Removes a folder, unless something is in it.
    static func removeEmptyFolder(_ path: String) { _ = unsafe rmdir(path) }

    static func exit(_ status: CInt) -> Never {
        #if canImport(Glibc)
        Glibc.exit(status)
        #elseif canImport(Musl)
        Musl.exit(status)
        #else
        Darwin.exit(status)
        #endif
    }

    /// Writes all bytes to a descriptor. Returns the errno of a failure.
    static func write(_ bytes: [UInt8], to descriptor: CInt) -> CInt? {
        var done = 0
        while done < bytes.count {
            let count = unsafe bytes[done...].withUnsafeBytes { buffer in
                #if canImport(Glibc)
                unsafe Glibc.write(descriptor, buffer.baseAddress, buffer.count)
                #elseif canImport(Musl)
                unsafe Musl.write(descriptor, buffer.baseAddress, buffer.count)
                #else
                unsafe Darwin.write(descriptor, buffer.baseAddress, buffer.count)
                #endif
            }
            if count >= 0 { done += count } else if errno != EINTR { return errno }
        }
        return nil
    }
}
