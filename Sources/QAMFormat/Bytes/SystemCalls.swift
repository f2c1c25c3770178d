#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// The system-call boundary: every call to the kernel that can fail goes through here, retried on EINTR and
/// turned into a `QAMError`, so that error paths can be tested by injecting faults.
package enum SystemCalls {
    /// Makes chosen calls fail; set by tests with `$faults.withValue`.
    @TaskLocal package static var faults: (any FaultInjector)?

    package enum Call: Sendable { case open, read, write, sync, rename, allocate, map }

    package static func openReading(_ path: String) throws -> CInt {
        try check(.open, path) { unsafe open(path, O_RDONLY | O_CLOEXEC) }
    }

    /// Opens for reading and writing; creates the file where there is none.
    package static func openWriting(_ path: String, exclusive: Bool = false) throws -> CInt {
        let flags = O_RDWR | O_CREAT | O_CLOEXEC | (exclusive ? O_EXCL : 0)
        return try check(.open, path) { unsafe open(path, flags, 0o644) }
    }

    /// Fills the buffer, or with `atLeast` so much of it: direct reads end at a block's end, the file may end before.
    package static func read(
        _ descriptor: CInt, at offset: Int, into buffer: UnsafeMutableRawBufferPointer, atLeast: Int? = nil, path: String
    ) throws {
        let needed = atLeast ?? buffer.count
        var done = 0
        while done < needed {
            let count = try check(.read, path) {
                unsafe pread(descriptor, buffer.baseAddress?.advanced(by: done), buffer.count - done, off_t(offset + done))
            }
            guard count > 0 else {
                throw QAMError(.truncated, "the file ends at offset \(offset + done); has it been cut while it was read?",
                               at: .init(file: path, offset: offset, length: needed))
            }
            done += count
        }
    }

    package static func write(_ descriptor: CInt, at offset: Int, _ buffer: UnsafeRawBufferPointer, path: String) throws {
        var done = 0
        while done < buffer.count {
            done += try check(.write, path) {
                unsafe pwrite(descriptor, buffer.baseAddress?.advanced(by: done), buffer.count - done, off_t(offset + done))
            }
        }
    }

    package static func sync(_ descriptor: CInt, path: String) throws {
        _ = try check(.sync, path) { fsync(descriptor) }
    }

    package static func truncate(_ descriptor: CInt, to length: Int, path: String) throws {
        _ = try check(.allocate, path) { ftruncate(descriptor, off_t(length)) }
    }

    /// Takes the file's advisory lock, or throws `cannotCreate` where another process holds it.
    package static func lock(_ descriptor: CInt, path: String) throws {
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            throw QAMError(.cannotCreate, "another process is writing it", at: .init(file: path))
        }
    }

    package static func rename(_ from: String, to path: String) throws {
        _ = try check(.rename, path) {
            #if canImport(Glibc)
            unsafe Glibc.rename(from, path)
            #elseif canImport(Musl)
            unsafe Musl.rename(from, path)
            #else
            unsafe Darwin.rename(from, path)
            #endif
        }
    }

    /// Makes a finished rename survive a power failure.
    package static func syncFolder(_ path: String) throws {
        let descriptor = try openReading(path)
        defer { close(descriptor) }
        try sync(descriptor, path: path)
    }

    package static func remove(_ path: String) { _ = unsafe unlink(path) }

    package static func closeDescriptor(_ descriptor: CInt) {
        // A process that is being started holds a copy of the descriptor for a moment, and the lock with it.
        flock(descriptor, LOCK_UN)
        close(descriptor)
    }

    /// Runs a call until it is not interrupted; a negative result becomes an error.
    static func check<Result: SignedInteger>(_ call: Call, _ path: String, _ body: () -> Result) throws -> Result {
        if let failure = faults?.failure(of: call) { throw error(call, failure, path) }
        while true {
            let result = body()
            if result >= 0 { return result }
            let code = errno
            if code != EINTR { throw error(call, code, path) }
        }
    }

    private static func error(_ call: Call, _ code: CInt, _ path: String) -> QAMError {
        let text = unsafe String(cString: strerror(code))
        let kind: QAMError.Code =
            switch (code, call) {
            case (ENOENT, .open): .notFound
            case (ENOSPC, _), (EDQUOT, _), (EROFS, _), (EEXIST, _), (EFBIG, _): .cannotCreate
            default: .io
            }
        return QAMError(kind, text, at: .init(file: path))
    }
}

/// Decides in tests which system calls fail.
package protocol FaultInjector: Sendable {
    /// The errno that the next call of this kind shall fail with, or nil to let it through.
    func failure(of call: SystemCalls.Call) -> CInt?
}
