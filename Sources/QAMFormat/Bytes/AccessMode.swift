/// How the bytes of a file are read.
public enum AccessMode: Hashable, Sendable, CaseIterable {
    /// Mapped into memory: nothing is copied, and processes that read one file share its pages.
    ///
    /// The file must not be truncated while it is mapped: touching missing pages terminates the process with SIGBUS. It must not be changed
    /// either: readers would see the change. If that is not guaranteed, use `buffered`.
    case mapped
    /// Read with `pread` into reused buffers: memory is bounded, and a truncated file gives an error.
    case buffered
    /// As `buffered`, but bypassing the page cache (O_DIRECT; F_NOCACHE on Darwin): for files that are read once and are larger than
    /// memory. An error if the file system does not support it.
    case direct

    /// Opens a file this way. Throws `notFound` or `io`.
    public func open(_ path: String) throws -> any ByteSource { try opened(path) }

    /// The same, with the file's status.
    package func opened(_ path: String) throws -> any StoredBytes {
        switch self {
        case .mapped: try MappedBytes(path: path)
        case .buffered: try FileBytes(path: path)
        case .direct: try DirectBytes(path: path)
        }
    }
}
