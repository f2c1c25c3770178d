/// A file edited in place: by one process at a time, and atomically.
///
/// It is locked before it is read, so that the edit is based on the current content.
package final class EditedFile {
    /// Disks write blocks of this size atomically, even on power failure.
    package static let atomicBlock = 512
    private static let pieceSize = 1 << 20

    private let file: OpenFile

    /// Opens and locks the file, following symbolic links. Throws `notFound` or `io`, and `cannotCreate` if another process is editing it.
    package init(path: String) throws {
        while true {
            let path = try Path.resolvingLinks(path)
            let file = try OpenFile(path: path)
            _ = try SystemCalls.lock(file.descriptor, path: path)
            // Another process may have replaced the file before it was locked.
            if try FileStatus(path)?.isSameFile(as: file.status) == true {
                self.file = file
                return
            }
        }
    }

    /// The path of the file itself, with symbolic links resolved.
    package var path: String { file.path }

    /// Replaces the file's first bytes. Returns false, without changes, if more than one block differs: a power failure could leave part of
    /// them.
    package func replaceHead(with bytes: [UInt8]) throws -> Bool {
        guard bytes.count <= file.status.byteCount else { return false }
        let old = try file.read(0..<bytes.count)
        guard let first = bytes.indices.first(where: { bytes[$0] != old[$0] }),
            let last = bytes.indices.last(where: { bytes[$0] != old[$0] })
        else { return true }
        guard first / Self.atomicBlock == last / Self.atomicBlock else { return false }
        try write(Array(bytes[first...last]), at: first)
        try requireName(afterChange: true)
        return true
    }

    /// Writes to unused bytes of the file, zeros over what is stored in `cleared`, and flushes them to disk. On failure the file's meaning
    /// is unchanged.
    package func writeUnused(_ bytes: [UInt8], at offset: Int, clearing cleared: [Range<Int>]) throws {
        let descriptor = try SystemCalls.openWriting(path)
        defer { SystemCalls.closeDescriptor(descriptor) }
        try requireName()
        for range in cleared { try clear(range, descriptor) }
        try unsafe bytes.withUnsafeBytes { try unsafe SystemCalls.write(descriptor, at: offset, $0, path: path) }
        try SystemCalls.sync(descriptor, path: path)
    }

    /// Writes zeros over nonzero bytes. Holes of the file system are kept.
    private func clear(_ range: Range<Int>, _ descriptor: CInt) throws {
        var start = range.lowerBound
        while let stored = try SystemCalls.storedRange(file.descriptor, in: start..<range.upperBound, path: path) {
            for lower in stride(from: stored.lowerBound, to: stored.upperBound, by: Self.pieceSize) {
                let bytes = try file.read(lower..<min(lower + Self.pieceSize, stored.upperBound))
                guard let first = bytes.firstIndex(where: { $0 != 0 }), let last = bytes.lastIndex(where: { $0 != 0 }) else { continue }
                let zeros = [UInt8](repeating: 0, count: last - first + 1)
                try unsafe zeros.withUnsafeBytes { try unsafe SystemCalls.write(descriptor, at: lower + first, $0, path: path) }
            }
            start = stored.upperBound
        }
    }

    /// Writes bytes and flushes them to disk.
    private func write(_ bytes: [UInt8], at offset: Int) throws {
        let descriptor = try SystemCalls.openWriting(path)
        defer { SystemCalls.closeDescriptor(descriptor) }
        try requireName()
        try unsafe bytes.withUnsafeBytes { try unsafe SystemCalls.write(descriptor, at: offset, $0, path: path) }
        do { try SystemCalls.sync(descriptor, path: path) } catch let error as QAMError {
            throw QAMError(.io, "the change is in place, but it could not be flushed to disk: \(error.message)", at: .init(file: path))
        }
    }

    /// Throws if the name refers to another file now: the change would be lost.
    private func requireName(afterChange: Bool = false) throws {
        let status: FileStatus?
        do { status = try FileStatus(path) } catch let error as QAMError where afterChange {
            throw QAMError(
                .io, "the change is in place, but the file's name could not be checked: \(error.message)", at: .init(file: path))
        }
        guard status?.isSameFile(as: file.status) == true else {
            throw QAMError(.io, "it was replaced during the edit; the change is not in the new file", at: .init(file: path))
        }
    }
}
