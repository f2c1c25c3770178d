#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif
internal import QAMFormat

/// Operating-system queries other than files.
enum Platform {
    /// Processors that this process may use.
    static var processorCount: Int { WorkerPool.coreCount }

    /// Where temporary files go.
    static var temporaryFolder: String {
        guard let path = unsafe getenv("TMPDIR"), unsafe path.pointee != 0 else { return "/tmp" }
        return unsafe String(cString: path)
    }

    /// The processor's model name and number of threads.
    static var processorName: String {
        let name: String?
        #if canImport(Darwin)
            var buffer = [CChar](repeating: 0, count: 256)
            var length = buffer.count
            let status = unsafe sysctlbyname("machdep.cpu.brand_string", &buffer, &length, nil, 0)
            name = status == 0 ? String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self) : nil
        #else
            var buffer = [UInt8](repeating: 0, count: 4096)
            let file = unsafe open("/proc/cpuinfo", O_RDONLY)
            let count = unsafe read(file, &buffer, buffer.count)
            _ = close(file)
            let lines = String(decoding: buffer.prefix(max(0, count)), as: UTF8.self).split(separator: "\n")
            name = lines.first { $0.hasPrefix("model name") }?.split(separator: ":").last.map { String($0.drop { $0 == " " }) }
        #endif
        return "\(name ?? "unknown processor"), \(Format.count(processorCount, "thread"))"
    }

    /// The peak resident memory of the process.
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
    static var standardOutputIsTerminal: Bool { isatty(STDOUT_FILENO) == 1 }

    /// The width in columns of the terminal on standard error.
    static var terminalWidth: Int {
        var size = winsize()
        guard unsafe ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
        return Int(size.ws_col)
    }

    static func exit(_ status: CInt) -> Never {
        #if canImport(Glibc)
            Glibc.exit(status)
        #elseif canImport(Musl)
            Musl.exit(status)
        #else
            Darwin.exit(status)
        #endif
    }

    static var standardInputIsTerminal: Bool { isatty(STDIN_FILENO) == 1 }

    /// The next bytes of standard input, none at its end. Calls `waiting` about ten times a second while there are none. Throws `io`, and what
    /// `waiting` throws.
    static func readStandardInput(_ limit: Int, waiting: () throws -> Void) throws -> [UInt8] {
        while true {
            var ready = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
            let status = unsafe poll(&ready, 1, 100)
            try waiting()
            if status == 0 || status < 0 && errno == EINTR { continue }
            var failure: CInt?
            let bytes = unsafe [UInt8](unsafeUninitializedCapacity: limit) { buffer, initialized in
                let count = unsafe read(STDIN_FILENO, buffer.baseAddress, limit)
                if count < 0 { failure = errno } else { initialized = count }
            }
            if failure == EINTR { continue }
            if let failure { throw QAMError(.io, unsafe "cannot read: \(String(cString: strerror(failure)))", at: .init(file: "standard input")) }
            return bytes
        }
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
