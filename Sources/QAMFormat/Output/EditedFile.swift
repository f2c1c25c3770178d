/// A file that is changed where it lies: by one process at a time, and so that no failure leaves half a change.
///
/// It is locked before anything of it is read: what a change is made to is what it is written over.
package final class EditedFile {
    /// Disks write blocks of this many bytes whole. A change within one of them is there or not, whenever the power fails.
    package static let atomicBlock = 512
    private static let pieceSize = 1 << 20

    private let file: OpenFile

    /// Opens and locks the file that the path leads to. Throws `notFound` or `io`, and `cannotCreate` where another process is
    /// changing it.
    package init(path: String) throws {
        while true {
            let path = try Path.resolvingLinks(path)
            let file = try OpenFile(path: path)
            _ = try SystemCalls.lock(file.descriptor, path: path)
            // Another process may have replaced the file before it could be locked.
            if try FileStatus(path)?.isSameFile(as: file.status) == true {
                self.file = file
                return
            }
        }
    }

    /// The path of the file itself, where the one that was given is a symbolic link.
    package var path: String { file.path }

    /// Gives the file's first bytes other values. Returns false, and changes nothing, where these differ from the old ones in more
    /// than one block: a power failure could leave a part of them.
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

    /// Writes to bytes of the file that have no meaning, with zeros over what is stored in `cleared`, and brings them to disk. Where
    /// something fails, the file means what it did.
    package func writeUnused(_ bytes: [UInt8], at offset: Int, clearing cleared: [Range<Int>]) throws {
        let descriptor = try SystemCalls.openWriting(path)
        defer { SystemCalls.closeDescriptor(descriptor) }
        try requireName()
        for range in cleared { try clear(range, descriptor) }
        try unsafe bytes.withUnsafeBytes { try unsafe SystemCalls.write(descriptor, at: offset, $0, path: path) }
        try SystemCalls.sync(descriptor, path: path)
    }

    /// Writes zeros over what is not zero. Holes of the file system stay.
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

    /// Writes bytes and brings them to disk.
    private func write(_ bytes: [UInt8], at offset: Int) throws {
        let descriptor = try SystemCalls.openWriting(path)
        defer { SystemCalls.closeDescriptor(descriptor) }
        try requireName()
        try unsafe bytes.withUnsafeBytes { try unsafe SystemCalls.write(descriptor, at: offset, $0, path: path) }
        do { try SystemCalls.sync(descriptor, path: path) } catch let error as QAMError {
            throw QAMError(.io, "the change is in place, but the system could not bring it to disk: \(error.message)", at: .init(file: path))
        }
    }

    /// Throws where another file has got the name: a change to this one would be lost with it.
    private func requireName(afterChange: Bool = false) throws {
        let status: FileStatus?
        do { status = try FileStatus(path) } catch let error as QAMError where afterChange {
            throw QAMError(
                .io, "the change is in place, but the system does not say whether the file has kept its name: \(error.message)", at: .init(file: path))
        }
        guard status?.isSameFile(as: file.status) == true else {
            throw QAMError(.io, "it was replaced while it was changed; the change is not in the new file", at: .init(file: path))
        }
    }
}
