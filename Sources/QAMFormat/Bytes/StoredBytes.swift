/// The bytes of a file.
package protocol StoredBytes: ByteSource {
    /// As of opening.
    var status: FileStatus { get }
}

extension StoredBytes {
    /// Identifies the file's state at opening without reading it.
    package var fingerprint: String { "\(Path.name(of: name)) \(byteCount) \(status.modified) \(status.changed) \(status.inode)" }
}

extension FileBytes: StoredBytes {}
extension MappedBytes: StoredBytes {}
extension DirectBytes: StoredBytes {}
