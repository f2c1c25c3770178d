/// The part of a model that one file of a set holds: some of its tensors, and all codebooks and seeds. The first file also has the
/// metadata and the embedded files.
struct ShardSource: WrappingSource {
    let base: any TensorSource
    let tensors: [TensorDescriptor]
    /// The base's index of each tensor.
    private let indices: [Int]
    private let isFirst: Bool

    /// `indices` ascend, and include the target of each alias that they include.
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
    var files: [any EmbeddedFile] { isFirst ? base.files : [] }
    /// The output's fingerprint is that of the whole model.
    var fingerprint: String { base.fingerprint }

    func origin(of tensor: Int) -> Int? { indices[tensor] }
}
