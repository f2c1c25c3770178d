/// Limits of a reader for untrusted files (spec section 10). All are far above what real models need.
public struct Limits: Hashable, Sendable {
    /// Bytes of the directory, and of the section `shards`.
    public var directoryBytes = 1 << 30
    /// Bytes of the decompressed metadata: they are held in memory, strings at several times their stored size.
    public var metadataBytes = 1 << 27
    /// Bytes of the codebooks section.
    public var codebookBytes = 1 << 26
    /// Bytes of the checksums section.
    public var checksumBytes = 1 << 30

    /// The defaults.
    public init() {}
}
