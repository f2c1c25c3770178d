/// A process's claim on the partial files of an output: the journal file, open and locked.
///
/// A file is treated as a partial file of an earlier run only if that run's journal lists its inode and length, or if it is empty and
/// unlocked; so no foreign data is lost.
final class JournalClaim {
    /// Records beyond this length are redone.
    private static let maximumLength = 1 << 30

    let path: String
    /// The head of an earlier run's journal, if there is one.
    let head: ResumeJournal.Head?
    private let isKept: Bool
    private var descriptor: CInt?

    /// Creates the journal, or takes over that of an earlier run. Throws `cannotCreate` if neither is possible.
    init(_ path: String, resuming: Bool) throws {
        self.path = path
        isKept = resuming
        let (descriptor, isLocked, isNew) = try Self.open(path)
        do {
            let bytes = try isNew ? [] : Self.contents(of: descriptor, path, limit: ResumeJournal.Head.maximumByteCount)
            head = bytes.isEmpty ? nil : ResumeJournal.Head(bytes)
            guard bytes.isEmpty || head != nil else {
                throw QAMError(.cannotCreate, "it exists and is not a journal of this version; move it away", at: .init(file: path))
            }
            guard isLocked || resuming || head == nil else {
                throw QAMError(
                    .cannotCreate,
                    "another process may be writing the output: this file system has no locks to check; "
                        + "remove the journal if none is, or use --resume", at: .init(file: path))
            }
        } catch {
            SystemCalls.closeDescriptor(descriptor)
            throw error
        }
        self.descriptor = descriptor
        if !isKept { TemporaryFiles.add(path) }
    }

    deinit { close() }

    /// Opens the partial files of the interrupted run. Nil if any is missing: the run must start over.
    func takeUp(_ paths: [String], _ head: ResumeJournal.Head, expecting fingerprint: UInt64) throws -> [OutputFile]? {
        guard head.fingerprint == fingerprint else {
            throw QAMError(
                .cannotCreate, "the input or the options have changed since the interrupted run; start over without --resume",
                at: .init(file: path))
        }
        guard head.files.count == paths.count else { return nil }
        var files: [OutputFile] = []
        for (path, owned) in zip(paths, head.files) {
            let partial = ResumeJournal.partialPath(path)
            guard let status = try FileStatus(link: partial) else { return nil }
            guard status.kind == .file else { throw Self.foreign(partial) }
            let descriptor = try SystemCalls.openWriting(partial)
            let file = try OutputFile(path: path, temporaryPath: partial, descriptor: descriptor, isKept: true)
            // The earlier run had not started writing it, or it already has its final name.
            guard file.identity.byteCount > 0, file.identity.linkCount == 1 else { return nil }
            guard owned.isThis(file.identity) else { throw Self.foreign(partial) }
            files.append(file)
        }
        return files
    }

    /// Creates the partial files, replacing those of an earlier run, and writes the journal's head.
    func start(_ paths: [String], lengths: [Int], fingerprint: UInt64) throws -> [OutputFile] {
        let old = head?.files ?? []
        var files: [OutputFile] = []
        do {
            try truncate(to: 0)
            for (index, path) in paths.enumerated() {
                files.append(try create(path, inPlaceOf: index < old.count ? old[index] : nil))
            }
            let owned = zip(files, lengths).map { ResumeJournal.Head.Owned(inode: $0.identity.inode, length: UInt64(clamping: $1)) }
            try write(ResumeJournal.Head(fingerprint: fingerprint, files: owned).encoded, at: 0)
            try SystemCalls.sync(try opened(), path: path)
            for (file, length) in zip(files, lengths) { try file.setLength(length) }
        } catch {
            for file in files { file.discard(keepingPartial: false) }
            try? remove()
            throw error
        }
        return files
    }

    /// All bytes of the journal.
    func contents() throws -> [UInt8] { try Self.contents(of: try opened(), path, limit: Self.maximumLength) }

    func write(_ bytes: [UInt8], at offset: Int) throws {
        let descriptor = try opened()
        try unsafe bytes.withUnsafeBytes { try unsafe SystemCalls.write(descriptor, at: offset, $0, path: path) }
    }

    func truncate(to length: Int) throws { try SystemCalls.truncate(try opened(), to: length, path: path) }

    func remove() throws {
        try SystemCalls.remove(path)
        TemporaryFiles.forget(path)
    }

    func close() {
        if let descriptor { SystemCalls.closeDescriptor(descriptor) }
        descriptor = nil
    }

    /// Creates or opens the journal, and locks it; ensures that the locked file still has the name.
    private static func open(_ path: String) throws -> (descriptor: CInt, isLocked: Bool, isNew: Bool) {
        while true {
            let created = try SystemCalls.create(path)
            if created == nil, let status = try FileStatus(link: path), status.kind != .file { throw foreign(path) }
            let descriptor: CInt
            do {
                descriptor = try created ?? SystemCalls.openWriting(path)
            } catch let error as QAMError where error.code == .notFound {
                continue
            }
            do {
                let isLocked = try SystemCalls.lock(descriptor, path: path)
                let status = try FileStatus(descriptor: descriptor, path: path)
                if try FileStatus(path)?.isSameFile(as: status) == true {
                    guard status.kind == .file, status.linkCount == 1 else { throw foreign(path) }
                    return (descriptor, isLocked, created != nil)
                }
            } catch {
                SystemCalls.closeDescriptor(descriptor)
                // Another process locked it first.
                let isTaken = (error as? QAMError)?.code == .cannotCreate
                if created != nil, !isTaken { try? SystemCalls.remove(path) }
                throw error
            }
            SystemCalls.closeDescriptor(descriptor)
        }
    }

    private static func contents(of descriptor: CInt, _ path: String, limit: Int) throws -> [UInt8] {
        let length = min(limit, try FileStatus(descriptor: descriptor, path: path).byteCount)
        return try SystemCalls.read(descriptor, 0..<length, path: path)
    }

    /// Creates the partial file for one path.
    private func create(_ path: String, inPlaceOf owned: ResumeJournal.Head.Owned?) throws -> OutputFile {
        let partial = ResumeJournal.partialPath(path)
        if let file = try OutputFile(path: path, creating: partial, isKept: isKept) { return file }
        guard try FileStatus(link: partial)?.kind == .file else { throw Self.foreign(partial) }
        let descriptor = try SystemCalls.openWriting(partial)
        defer { SystemCalls.closeDescriptor(descriptor) }
        _ = try SystemCalls.lock(descriptor, path: partial)
        let status = try FileStatus(descriptor: descriptor, path: partial)
        guard owned?.isThis(status) == true || status.byteCount == 0 && status.linkCount == 1,
            try FileStatus(link: partial)?.isSameFile(as: status) == true
        else { throw Self.foreign(partial) }
        try SystemCalls.remove(partial)
        guard let file = try OutputFile(path: path, creating: partial, isKept: isKept) else { throw Self.foreign(partial) }
        return file
    }

    private static func foreign(_ path: String) -> QAMError {
        QAMError(.cannotCreate, "it exists, and is not from an interrupted run; move it away", at: .init(file: path))
    }

    private func opened() throws -> CInt {
        guard let descriptor else { throw QAMError(.invalidArgument, "the journal is closed", at: .init(file: path)) }
        return descriptor
    }
}
