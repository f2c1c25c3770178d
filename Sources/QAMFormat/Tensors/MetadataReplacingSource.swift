/// A source with replaced metadata, for rewriting a file if they do not fit in place.
package struct MetadataReplacingSource: WrappingSource {
    package let metadata: Metadata
    package let base: any TensorSource

    package init(_ base: any TensorSource, metadata: Metadata) {
        self.base = base
        self.metadata = metadata
    }

    /// None: the output may replace the base file, which stays open.
    package var inputs: [String] { [] }
    package var fingerprint: String { "\(base.fingerprint) metadata \(XXH3.hash(metadata.encoded))" }

    package func origin(of tensor: Int) -> Int? { tensor }
}
