/// What one file of a set holds of a model: some of its tensors, and all codebooks and seeds. The first file has the metadata and the
/// embedded files.
struct ShardSource: TensorSource {
    let tensors: [TensorDescriptor]
    private let base: any TensorSource
    /// Of each tensor, the index in the model.
    private let indices: [Int]
    private let isFirst: Bool

    /// `indices` are in ascending order, and name the target of each alias that they name.
    init(_ base: any TensorSource, indices: [Int], isFirst: Bool) {
        self.base = base
        self.indices = indices
        self.isFirst = isFirst
        let all = base.tensors
        let places = Dictionary(uniqueKeysWithValues: indices.enumerated().map { ($1, $0) })
        tensors = indices.map { index in
            var tensor = all[index]
            if case .alias(let target) = tensor.storage, let place = places[target] { tensor.storage = .alias(of: place) }
            return tensor
        }
    }

    var metadata: Metadata { isFirst ? base.metadata : Metadata() }
    var shared: SharedTables { base.shared }
    var files: [any EmbeddedFile] { isFirst ? base.files : [] }
    var inputs: [String] { base.inputs }
    var fingerprint: String { base.fingerprint }

    func granule(of tensor: Int) -> Int { base.granule(of: indices[tensor]) }
    func read(_ units: Range<Int>, of tensor: Int) throws -> TensorChunk { try base.read(units, of: indices[tensor]) }
    func withElements<Result>(_ units: Range<Int>, of tensor: Int, _ body: (RawSpan) throws -> Result) throws -> Result {
        try base.withElements(units, of: indices[tensor], body)
    }
    func readWhole(stream: Int, of tensor: Int) throws -> [UInt8] { try base.readWhole(stream: stream, of: indices[tensor]) }
}
