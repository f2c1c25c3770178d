/// A file that appears under its name only when it is complete and on disk.
///
/// It is written as `NAME.partial` beside its final place, synced, and renamed; the folder is synced too. The
/// partial file is locked, so that two runs never write the same output.
package final class OutputFile {
    package let path: String
    package let partialPath: String
    private var descriptor: CInt?

    /// Creates the partial file, or opens the one that is there and keeps its bytes if `resuming`.
    /// Throws `cannotCreate` where `path` exists and is not to be replaced, or a folder is missing.
    package init(path: String, replacing: Bool, resuming: Bool) throws {
        self.path = path
        partialPath = path + ".partial"
        try Self.checkReplaceable(path, replacing: replacing)
        do {
            let descriptor = try SystemCalls.openWriting(partialPath)
            self.descriptor = descriptor
            try SystemCalls.lock(descriptor, path: partialPath)
            do {
                if !resuming { try SystemCalls.truncate(descriptor, to: 0, path: partialPath) }
            } catch {
                discard(keepingPartial: false)
                throw error
            }
        } catch let error as QAMError where error.code == .notFound {
            throw QAMError(.cannotCreate, "the folder does not exist", at: .init(file: path))
        }
    }

    deinit {
        if let descriptor { SystemCalls.closeDescriptor(descriptor) }
    }

    /// Throws `cannotCreate` where something is in the way.
    package static func checkReplaceable(_ path: String, replacing: Bool) throws {
        guard let status = FileStatus(path) else { return }
        guard status.kind == .file else {
            throw QAMError(.cannotCreate, "it exists and is not a regular file", at: .init(file: path))
        }
        guard replacing else {
            throw QAMError(.cannotCreate, "it exists; --force replaces it", at: .init(file: path))
        }
    }

    /// Throws `cannotCreate` unless the file system has room for `length` bytes in all.
    package func requireSpace(for length: Int) throws {
        let present = FileStatus(partialPath)?.byteCount ?? 0
        guard let free = Folder.freeBytes(at: Path.folder(of: path)), length - present > free else { return }
        throw QAMError(.cannotCreate, "\(length - present) bytes are needed, but only \(free) are free there", at: .init(file: path))
    }

    package func write(_ bytes: [UInt8], at offset: Int) throws {
        let descriptor = try opened()
        try unsafe bytes.withUnsafeBytes { try unsafe SystemCalls.write(descriptor, at: offset, $0, path: partialPath) }
    }

    /// Reads back what has been written; throws `truncated` beyond its end.
    package func read(_ range: Range<Int>) throws -> [UInt8] {
        let descriptor = try opened()
        return try unsafe [UInt8](unsafeUninitializedCapacity: range.count) { buffer, count in
            let target = unsafe UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(buffer)[..<range.count])
            try unsafe SystemCalls.read(descriptor, at: range.lowerBound, into: target, path: partialPath)
            count = range.count
        }
    }

    /// Cuts or extends (with zeros) what has been written.
    package func setLength(_ length: Int) throws {
        try SystemCalls.truncate(try opened(), to: length, path: partialPath)
    }

    /// Brings the bytes to disk and the file under its name.
    package func commit() throws {
        let descriptor = try opened()
        try SystemCalls.sync(descriptor, path: partialPath)
        try SystemCalls.rename(partialPath, to: path)
        SystemCalls.closeDescriptor(descriptor)
        self.descriptor = nil
        try SystemCalls.syncFolder(Path.folder(of: path))
    }

    /// Gives up: removes the partial file, or leaves it for a resumed run.
    package func discard(keepingPartial: Bool) {
        guard let descriptor else { return }
        if !keepingPartial { SystemCalls.remove(partialPath) }
        SystemCalls.closeDescriptor(descriptor)
        self.descriptor = nil
    }

    private func opened() throws -> CInt {
        guard let descriptor else {
            throw QAMError(.invalidArgument, "the output is closed", at: .init(file: path))
        }
        return descriptor
    }
}
