public import QAMFormat

/// A file on disk that travels with a model.
public struct DiskFile: EmbeddedFile {
    public let name: String
    private let bytes: FileBytes

    /// Opens the file and keeps it open. Throws `notFound` or `io`.
    public init(path: String) throws { try self.init(path: path, name: Path.name(of: path)) }

    /// A file in a folder of the model's, under its relative name.
    package init(path: String, name: String) throws {
        bytes = try FileBytes(path: path)
        self.name = name
    }

    /// The path as it was given.
    public var path: String { bytes.name }
    public var byteCount: Int { bytes.byteCount }

    public func read(_ range: Range<Int>) throws -> [UInt8] { try bytes.read(range) }

    /// Identifies the file's current state: modified files differ in size, time or inode.
    package var fingerprint: String { bytes.fingerprint }
}
