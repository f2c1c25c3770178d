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

/// Mapped files that another process truncates: touching a page that is gone raises SIGBUS, which would end the program without a message and
/// leave its temporary files. Here it is an error that names the file.
enum MappingFaults {
    /// Where the handler tells the queue the address that was touched; -1 before `install`.
    private static let writing = Atomic<CInt>(-1)
    /// A separate queue: the thread that touched the page cannot go on.
    private static let queue = DispatchQueue(label: "mapping faults")

    /// Installs the handler, before any file is mapped. Without a pipe, the signal keeps its default action.
    static func install() {
        var ends: [CInt] = [-1, -1]
        guard unsafe pipe(&ends) == 0 else { return }
        let reading = ends[0]
        writing.store(ends[1], ordering: .relaxed)
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        let source = DispatchSource.makeReadSource(fileDescriptor: reading, queue: queue)
        // The handler retains the source for the lifetime of the program.
        source.setEventHandler {
            var address: UInt = 0
            let size = MemoryLayout.size(ofValue: address)
            guard unsafe read(CInt(source.handle), &address, size) == size else { return }
            end(address: address)
        }
        source.activate()

        // It calls nothing but what signal handlers may call: `write` and `pause`.
        let handler: @convention(c) (CInt, UnsafeMutablePointer<siginfo_t>?, UnsafeMutableRawPointer?) -> Void = { _, info, _ in
            var address = unsafe MappingFaults.address(info)
            _ = unsafe write(MappingFaults.writing.load(ordering: .relaxed), &address, MemoryLayout.size(ofValue: address))
            while true { pause() }
        }
        var action = sigaction()
        #if canImport(Glibc)
            unsafe action.__sigaction_handler.sa_sigaction = handler
        #elseif canImport(Musl)
            unsafe action.__sa_handler.sa_sigaction = handler
        #else
            unsafe action.__sigaction_u.__sa_sigaction = handler
        #endif
        action.sa_flags = SA_SIGINFO
        _ = unsafe sigaction(SIGBUS, &action, nil)
    }

    /// The address that was touched.
    private static func address(_ info: UnsafeMutablePointer<siginfo_t>?) -> UInt {
        guard let info = unsafe info else { return 0 }
        #if canImport(Glibc)
            return unsafe UInt(bitPattern: info.pointee._sifields._sigfault.si_addr)
        #elseif canImport(Musl)
            return unsafe UInt(bitPattern: info.pointee.__si_fields.__sigfault.si_addr)
        #else
            return unsafe UInt(bitPattern: info.pointee.si_addr)
        #endif
    }

    /// Ends the program: with an error if a file is mapped at the address, else by the signal, since it is a bug.
    private static func end(address: UInt) -> Never {
        guard let path = file(at: address) else {
            _ = signal(SIGBUS, SIG_DFL)
            _ = kill(getpid(), SIGBUS)
            while true { pause() }
        }
        TemporaryFiles.removeAll()
        _exit(ExitStatus.report(QAMError(.io, "it became shorter, or cannot be read, while it was used", at: .init(file: path))).rawValue)
    }

    /// The file that is mapped at an address, as the system lists mappings; nil if there is none.
    private static func file(at address: UInt) -> String? {
        var maps: [UInt8] = []
        guard let stream = try? FileStream(path: "/proc/self/maps") else { return nil }
        while let more = try? stream.next(1 << 16), !more.isEmpty { maps += more }
        for line in String(decoding: maps, as: UTF8.self).split(separator: "\n") {
            // START-END PERMISSIONS OFFSET DEVICE INODE PATH
            let fields = line.split(separator: " ", maxSplits: 5, omittingEmptySubsequences: true)
            let ends = fields[0].split(separator: "-").compactMap { UInt($0, radix: 16) }
            guard fields.count == 6, ends.count == 2, ends[0] <= address, address < ends[1] else { continue }
            let path = String(fields[5].drop { $0 == " " })
            return path.hasPrefix("/") ? path : nil
        }
        return nil
    }
}
