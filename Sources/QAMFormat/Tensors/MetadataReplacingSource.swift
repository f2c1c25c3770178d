/// A source with other metadata: what a file is rewritten from where they do not fit in place.
public struct MetadataReplacingSource: WrappingSource {
    public let metadata: Metadata
    public let base: any TensorSource

    public init(_ base: any TensorSource, metadata: Metadata) {
        self.base = base
        self.metadata = metadata
    }

    /// None: what is written from it may take its base's place, which stays open.
    public var inputs: [String] { [] }
    public var fingerprint: String { "\(base.fingerprint) metadata \(XXH3.hash(metadata.encoded))" }

    public func origin(of tensor: Int) -> Int? { tensor }
}
