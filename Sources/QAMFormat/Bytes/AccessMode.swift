/// How the bytes of a file are reached.
public enum AccessMode: Hashable, Sendable, CaseIterable {
    /// Mapped into memory: nothing is copied, and processes that read one file share its pages.
    ///
    /// The file must not be cut while it is mapped: touching what is no longer there ends the process with SIGBUS. It must
    /// not be changed either: readers would see the change. Where that cannot be promised, read it `buffered`.
    case mapped
    /// Read with `pread` into buffers that are reused: memory stays bounded, and a file that is cut gives an error.
    case buffered
    /// As `buffered`, but past the page cache (O_DIRECT; F_NOCACHE on Darwin): for files that are read once and are larger
    /// than memory. Some file systems refuse it, which is an error.
    case direct

    /// Opens a file this way. Throws `notFound` or `io`.
    public func open(_ path: String) throws -> any ByteSource {
        switch self {
        case .mapped: try MappedBytes(path: path)
        case .buffered: try FileBytes(path: path)
        case .direct: try DirectBytes(path: path)
        }
    }
}
