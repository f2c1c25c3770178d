/// A source with replaced metadata, for rewriting a file if they do not fit in place.
public struct MetadataReplacingSource: TensorSource {
    public let metadata: Metadata
    private let base: any TensorSource

    public init(_ base: any TensorSource, metadata: Metadata) {
        self.base = base
        self.metadata = metadata
    }

    public var tensors: [TensorDescriptor] { base.tensors }
    public var shared: SharedTables { base.shared }
    public var files: [any EmbeddedFile] { base.files }
    public var warnings: [String] { base.warnings }
    /// None: the output may replace the base file, which stays open.
    public var inputs: [String] { [] }
    public var fingerprint: String { "\(base.fingerprint) metadata \(XXH3.hash(metadata.encoded))" }

    public func granule(of tensor: Int) -> Int { base.granule(of: tensor) }
    public func read(_ units: Range<Int>, of tensor: Int) throws -> TensorChunk { try base.read(units, of: tensor) }
    public func readWhole(stream: Int, of tensor: Int) throws -> [UInt8] { try base.readWhole(stream: stream, of: tensor) }
}
