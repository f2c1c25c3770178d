/// A file written under a temporary name in the folder of its final one.
///
/// The temporary file is created exclusively: an existing name is never opened, nor a link followed. A file that replaces another inherits
/// its owner and mode.
package final class OutputFile {
    /// The name of the complete file.
    package let path: String
    package let temporaryPath: String
    /// Whether the file is kept when the process terminates, for a resumed run.
    private let isKept: Bool
    private var descriptor: CInt?

    /// Creates the file under a random name. Throws `cannotCreate` or `io`.
    package static func underRandomName(_ path: String) throws -> OutputFile {
        while true {
            let name = TemporaryFiles.uniqueName(beside: path, kind: "partial")
            if let file = try OutputFile(path: path, creating: name, isKept: false) { return file }
        }
    }

    /// Creates the file under `temporaryPath`. Nil if the name exists.
    convenience init?(path: String, creating temporaryPath: String, isKept: Bool) throws {
        guard let descriptor = try SystemCalls.create(temporaryPath) else { return nil }
        do {
            let replaced = try FileStatus(path)
            if let replaced, replaced.kind == .file { try SystemCalls.setPermissions(descriptor, replaced.permissions, path: temporaryPath) }
            try self.init(path: path, temporaryPath: temporaryPath, descriptor: descriptor, isKept: isKept)
        } catch {
            try? SystemCalls.remove(temporaryPath)
            throw error
        }
    }

    /// Takes ownership of an open descriptor, and closes it even on failure.
    init(path: String, temporaryPath: String, descriptor: CInt, isKept: Bool) throws {
        self.path = path
        self.temporaryPath = temporaryPath
        self.isKept = isKept
        do {
            // The lock tells other processes that the file is being written.
            _ = try SystemCalls.lock(descriptor, path: temporaryPath)
            identity = try FileStatus(descriptor: descriptor, path: temporaryPath)
        } catch {
            SystemCalls.closeDescriptor(descriptor)
            throw error
        }
        self.descriptor = descriptor
        if !isKept { TemporaryFiles.add(temporaryPath) }
    }

    deinit {
        if let descriptor { SystemCalls.closeDescriptor(descriptor) }
    }

    /// The file's status when it was opened.
    let identity: FileStatus

    package func write(_ bytes: [UInt8], at offset: Int) throws {
        let descriptor = try opened()
        try unsafe bytes.withUnsafeBytes { try unsafe SystemCalls.write(descriptor, at: offset, $0, path: temporaryPath) }
    }

    /// Reads back written bytes; throws `truncated` beyond the end.
    package func read(_ range: Range<Int>) throws -> [UInt8] { try SystemCalls.read(opened(), range, path: temporaryPath) }

    /// Truncates or extends (with zeros) the written bytes.
    package func setLength(_ length: Int) throws {
        try SystemCalls.truncate(try opened(), to: length, path: temporaryPath)
    }

    /// The bytes allocated on the file system: holes take none.
    func allocatedByteCount() throws -> Int {
        try FileStatus(descriptor: try opened(), path: temporaryPath).allocatedByteCount
    }

    /// Throws if the temporary name refers to another file now, which must not be put in place.
    func requireName() throws {
        guard try FileStatus(link: temporaryPath)?.isSameFile(as: identity) == true else {
            throw QAMError(.io, "another process has removed or replaced it; nothing was put in place", at: .init(file: temporaryPath))
        }
    }

    /// Flushes the bytes to disk.
    func sync() throws { try SystemCalls.sync(try opened(), path: temporaryPath) }

    /// The file has its final name: nothing remains to be removed.
    func wasPlaced() { close() }

    /// Removes the temporary file, unless its name refers to another file now, or keeps it for a resumed run.
    package func discard(keepingPartial: Bool) {
        guard descriptor != nil else { return }
        if !keepingPartial, (try? FileStatus(temporaryPath))?.isSameFile(as: identity) == true { try? SystemCalls.remove(temporaryPath) }
        TemporaryFiles.forget(temporaryPath)
        close()
    }

    private func close() {
        if let descriptor { SystemCalls.closeDescriptor(descriptor) }
        descriptor = nil
    }

    private func opened() throws -> CInt {
        guard let descriptor else {
            throw QAMError(.invalidArgument, "the output is closed", at: .init(file: path))
        }
        return descriptor
    }
}
