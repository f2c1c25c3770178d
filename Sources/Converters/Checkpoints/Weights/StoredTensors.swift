import QAMFormat

/// The tensors of a quantized checkpoint by name.
struct StoredTensors: Sendable {
    /// In the checkpoint's order.
    private let all: [StoredTensor]
    private let places: [String: Int]
    private let source: any TensorSource
    /// Shared by the weights, so that the panels of one replace those of another.
    let panels = PanelCache()

    /// Tensors that cannot be read are not among them. Of tensors with the same name the first is found; readers reject such files.
    /// O(tensors).
    init(_ source: any TensorSource) {
        self.source = source
        let tensors = source.tensors
        all = tensors.enumerated().compactMap { index, tensor in
            var target = index
            if case .alias(let other) = tensor.storage { target = other }
            switch tensors[target].storage {
            case .raw(let dtype): return StoredTensor(name: tensor.name, shape: tensor.shape, dtype: dtype, index: target)
            case .coded(let coding):
                return StoredTensor(name: tensor.name, shape: tensor.shape, dtype: coding.sourceType ?? .bf16, index: target, isCoded: true)
            case .alias, .unreadable: return nil
            }
        }
        places = Dictionary(all.enumerated().map { ($1.name, $0) }) { first, _ in first }
    }

    /// The tensor with a name; nil if there is none.
    subscript(name: String) -> StoredTensor? { places[name].map { all[$0] } }

    /// The first tensor that exists of some names.
    func first(_ names: [String]) -> StoredTensor? { names.lazy.compactMap { self[$0] }.first }

    /// Throws `malformed`, naming the weight, if there is no such tensor.
    func require(_ name: String, for weight: String) throws -> StoredTensor {
        guard let tensor = self[name] else {
            throw QAMError(.malformed, "\"\(weight)\" needs this tensor, which is missing: the checkpoint is incomplete", at: .init(tensor: name))
        }
        return tensor
    }

    /// The elements of a small tensor of I32 or I64. Throws `limitExceeded` for more than `limit`.
    func integers(_ tensor: StoredTensor, limit: Int) throws -> [Int] { try tensor.integers(of: source, limit: limit) }

    /// Some bytes of a tensor's payload, for tables and descriptions.
    func bytes(_ range: Range<Int>, of tensor: StoredTensor) throws -> [UInt8] {
        try tensor.withBytes(range, of: source) { bytes in unsafe bytes.withUnsafeBytes { unsafe Array($0) } }
    }
}
