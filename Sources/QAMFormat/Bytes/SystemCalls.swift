#if canImport(Glibc)
    import Glibc
    private let cRename = unsafe Glibc.rename, cLink = unsafe Glibc.link
#elseif canImport(Musl)
    import Musl
    private let cRename = unsafe Musl.rename, cLink = unsafe Musl.link
#else
    import Darwin
    private let cRename = unsafe Darwin.rename, cLink = unsafe Darwin.link
#endif

/// The system-call boundary: every call that can fail is here, retried on EINTR and converted to a `QAMError`, so that error paths can be
/// tested by fault injection.
package enum SystemCalls {
    /// Makes chosen calls fail; set by tests with `$faults.withValue`.
    @TaskLocal package static var faults: (any FaultInjector)?

    package enum Call: Sendable, CaseIterable {
        case open, read, write, sync, allocate, map, lock, status, rename, link, remove, makeFolder, list
    }

    package enum Event: Sendable {
        case write(path: String, offset: Int, bytes: [UInt8])
        case sync(path: String)
    }

    package static func openReading(_ path: String) throws -> CInt {
        try check(.open, path) { unsafe open(path, O_RDONLY | O_CLOEXEC) }
    }

    /// Opens an existing file for reading and writing. Throws if its name is a symbolic link.
    package static func openWriting(_ path: String) throws -> CInt {
        try check(.open, path) { unsafe open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW) }
    }

    /// Creates and opens a file for reading and writing. Returns nil if the name exists, even as a symbolic link; throws `cannotCreate` if
    /// a file cannot be created.
    package static func create(_ path: String) throws -> CInt? {
        let (descriptor, code) = attempt(.open) { unsafe open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o666) }
        switch code {
        case 0: return descriptor
        case EEXIST: return nil
        case ENOENT: throw QAMError(.cannotCreate, "the folder does not exist", at: .init(file: path))
        case EIO, EMFILE, ENFILE, ENOMEM: throw error(.open, code, path)
        default: throw QAMError(.cannotCreate, text(of: code), at: .init(file: path))
        }
    }

    /// Fills the buffer, or at least `atLeast` bytes of it: direct reads end at a block boundary, the file may end before.
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
                throw QAMError(
                    .truncated, "the file ends at offset \(offset + done); has it been truncated during reading?",
                    at: .init(file: path, offset: offset, length: needed))
            }
            done += count
        }
    }

    /// The bytes of a range of an open file.
    package static func read(_ descriptor: CInt, _ range: Range<Int>, path: String) throws -> [UInt8] {
        try unsafe [UInt8](unsafeUninitializedCapacity: range.count) { buffer, count in
            let target = unsafe UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(buffer)[..<range.count])
            try unsafe read(descriptor, at: range.lowerBound, into: target, path: path)
            count = range.count
        }
    }

    package static func write(_ descriptor: CInt, at offset: Int, _ buffer: UnsafeRawBufferPointer, path: String) throws {
        if let faults { unsafe faults.observe(.write(path: path, offset: offset, bytes: Array(buffer))) }
        var done = 0
        while done < buffer.count {
            done += try check(.write, path) {
                unsafe pwrite(descriptor, buffer.baseAddress?.advanced(by: done), buffer.count - done, off_t(offset + done))
            }
        }
    }

    package static func sync(_ descriptor: CInt, path: String) throws {
        _ = try check(.sync, path) { fsync(descriptor) }
        faults?.observe(.sync(path: path))
    }

    package static func truncate(_ descriptor: CInt, to length: Int, path: String) throws {
        _ = try check(.allocate, path) { ftruncate(descriptor, off_t(length)) }
    }

    /// Gives a new file the mode of the file that it will replace and, if permitted, its owner and group.
    static func setPermissions(_ descriptor: CInt, _ permissions: FileStatus.Permissions, path: String) throws {
        // Only root may change owners; a change of owner clears mode bits.
        _ = fchown(descriptor, permissions.owner, permissions.group)
        _ = try check(.status, path) { fchmod(descriptor, mode_t(permissions.mode)) }
    }

    /// Takes the file's advisory lock. Returns false if the file system has no locks; throws `cannotCreate` if another process holds it.
    package static func lock(_ descriptor: CInt, path: String) throws -> Bool {
        let (_, code) = attempt(.lock) { flock(descriptor, LOCK_EX | LOCK_NB) }
        switch code {
        case 0: return true
        case ENOLCK, ENOSYS, ENOTSUP, EOPNOTSUPP, EINVAL, EBADF: return false
        case EWOULDBLOCK: throw QAMError(.cannotCreate, "another process is writing it", at: .init(file: path))
        default: throw error(.lock, code, path)
        }
    }

    /// Renames a file, replacing any file of that name.
    package static func rename(_ from: String, to path: String) throws {
        _ = try check(.rename, path) {
            unsafe cRename(from, path)
        }
    }

    /// Creates a hard link. Returns false if the file system has no links; throws `cannotCreate` if the name exists.
    package static func link(_ from: String, to path: String) throws -> Bool {
        let (_, code) = attempt(.link) {
            unsafe cLink(from, path)
        }
        if code == 0 { return true }
        guard [EPERM, EACCES, ENOSYS, ENOTSUP, EOPNOTSUPP, EMLINK, EINVAL].contains(code) else { throw error(.link, code, path) }
        return false
    }

    /// Makes completed renames durable.
    package static func syncFolder(_ path: String) throws {
        let descriptor = try openReading(path)
        defer { close(descriptor) }
        try sync(descriptor, path: path)
    }

    /// Removes a name. Does nothing if it does not exist.
    package static func remove(_ path: String) throws {
        let (_, code) = attempt(.remove) { unsafe unlink(path) }
        if code != 0, code != ENOENT { throw error(.remove, code, path) }
    }

    package static func closeDescriptor(_ descriptor: CInt) {
        // A process being spawned briefly holds a copy of the descriptor, and the lock with it.
        flock(descriptor, LOCK_UN)
        close(descriptor)
    }

    /// Retries a call on EINTR; a negative result becomes an error.
    static func check<Result: SignedInteger>(_ call: Call, _ path: String, _ body: () -> Result) throws -> Result {
        let (result, code) = attempt(call, body)
        if code != 0 { throw error(call, code, path) }
        return result
    }

    /// Retries a call on EINTR, and returns its result and errno, or 0.
    static func attempt<Result: SignedInteger>(_ call: Call, _ body: () -> Result) -> (result: Result, code: CInt) {
        if let failure = faults?.failure(of: call) { return (-1, failure) }
        while true {
            let result = body()
            if result >= 0 { return (result, 0) }
            let code = errno
            if code != EINTR { return (result, code) }
        }
    }

    static func error(_ call: Call, _ code: CInt, _ path: String) -> QAMError {
        let kind: QAMError.Code =
            switch (code, call) {
            case (ENOENT, .open), (ENOENT, .list), (ENOTDIR, .open), (ENOTDIR, .list): .notFound
            case (ENOSPC, _), (EDQUOT, _), (EROFS, _), (EEXIST, _), (EFBIG, _): .cannotCreate
            default: .io
            }
        return QAMError(kind, text(of: code), at: .init(file: path))
    }

    static func text(of code: CInt) -> String { unsafe String(cString: strerror(code)) }
}

/// Decides in tests which system calls fail, and observes writes.
package protocol FaultInjector: Sendable {
    /// The errno for the next call of this kind, or nil to let it pass.
    func failure(of call: SystemCalls.Call) -> CInt?
    /// Called before each write, and after each sync.
    func observe(_ event: SystemCalls.Event)
}

extension FaultInjector {
    package func observe(_ event: SystemCalls.Event) {}
}
