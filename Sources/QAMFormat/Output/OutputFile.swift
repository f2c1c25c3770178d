/// A file that is written under a temporary name beside its final one.
///
/// The temporary file is created, never found: nothing that has its name already is opened, nor followed if it is a link. A file
/// that replaces another has its owner and mode.
package final class OutputFile {
    /// The name that the file gets when it is complete.
    package let path: String
    package let temporaryPath: String
    /// Whether the file outlives a process that ends at once: an interrupted run is to be resumed.
    private let isKept: Bool
    private var descriptor: CInt?

    /// Creates the file under a random name. Throws `cannotCreate` or `io`.
    package static func underRandomName(_ path: String) throws -> OutputFile {
        while true {
            let name = TemporaryFiles.uniqueName(beside: path, kind: "partial")
            if let file = try OutputFile(path: path, creating: name, isKept: false) { return file }
        }
    }

    /// Creates the file under `temporaryPath`. Nil where something has that name.
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

    /// Takes an open file over, and closes it also where that fails.
    init(path: String, temporaryPath: String, descriptor: CInt, isKept: Bool) throws {
        self.path = path
        self.temporaryPath = temporaryPath
        self.isKept = isKept
        do {
            // Who finds the file by its name can tell by the lock that it is being written.
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

    /// What the file was when it was opened.
    let identity: FileStatus

    package func write(_ bytes: [UInt8], at offset: Int) throws {
        let descriptor = try opened()
        try unsafe bytes.withUnsafeBytes { try unsafe SystemCalls.write(descriptor, at: offset, $0, path: temporaryPath) }
    }

    /// Reads back what has been written; throws `truncated` beyond its end.
    package func read(_ range: Range<Int>) throws -> [UInt8] {
        let descriptor = try opened()
        return try unsafe [UInt8](unsafeUninitializedCapacity: range.count) { buffer, count in
            let target = unsafe UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(buffer)[..<range.count])
            try unsafe SystemCalls.read(descriptor, at: range.lowerBound, into: target, path: temporaryPath)
            count = range.count
        }
    }

    /// Cuts or extends (with zeros) what has been written.
    package func setLength(_ length: Int) throws {
        try SystemCalls.truncate(try opened(), to: length, path: temporaryPath)
    }

    /// The bytes that the file takes of the file system so far: holes take none.
    func allocatedByteCount() throws -> Int {
        try FileStatus(descriptor: try opened(), path: temporaryPath).allocatedByteCount
    }

    /// Throws where another file has got the temporary name: it must not be put in place for this one.
    func requireName() throws {
        guard try FileStatus(link: temporaryPath)?.isSameFile(as: identity) == true else {
            throw QAMError(.io, "another process has taken its name away; nothing was put in place", at: .init(file: temporaryPath))
        }
    }

    /// Brings the bytes to disk.
    func sync() throws { try SystemCalls.sync(try opened(), path: temporaryPath) }

    /// The file has its final name now: there is nothing to remove any more.
    func wasPlaced() { close() }

    /// Gives up: removes the temporary file, unless something else has got its name, or leaves it for a resumed run.
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
