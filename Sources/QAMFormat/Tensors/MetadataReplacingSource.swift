/// A source with replaced metadata, for rewriting a file if they do not fit in place.
public struct MetadataReplacingSource: WrappingSource {
    public let metadata: Metadata
    public let base: any TensorSource

    public init(_ base: any TensorSource, metadata: Metadata) {
        self.base = base
        self.metadata = metadata
    }

    /// None: the output may replace the base file, which stays open.
    public var inputs: [String] { [] }
    public var fingerprint: String { "\(base.fingerprint) metadata \(XXH3.hash(metadata.encoded))" }

    public func origin(of tensor: Int) -> Int? { tensor }
}
