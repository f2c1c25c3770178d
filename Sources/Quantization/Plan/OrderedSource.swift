package import QAMFormat

/// A source's tensors in another order.
struct OrderedSource: WrappingSource {
    let base: any TensorSource
    let tensors: [TensorDescriptor]
    /// The base's index of each tensor.
    private let order: [Int]

    /// - Parameter keys: of each tensor; tensors with equal keys keep their order.
    init(_ base: any TensorSource, by keys: [Int]) {
        let order = base.tensors.indices.sorted { keys[$0] == keys[$1] ? $0 < $1 : keys[$0] < keys[$1] }
        var places = order
        for (place, index) in order.enumerated() { places[index] = place }
        self.base = base
        self.order = order
        tensors = order.map { index in
            var tensor = base.tensors[index]
            if case .alias(let target) = tensor.storage { tensor.storage = .alias(of: places[target]) }
            return tensor
        }
    }

    var fingerprint: String { order.indices.elementsEqual(order) ? base.fingerprint : "ordered \(order) \(base.fingerprint)" }

    func origin(of tensor: Int) -> Int? { order[tensor] }
}

extension CalibrationFile {
    /// The tensors in the order in which their statistics are computed, those without first; unchanged if the statistics are in a file.
    package func ordering(_ source: any TensorSource) -> any TensorSource {
        isComputed ? OrderedSource(source, by: source.tensors.map { input(of: $0.name) ?? -1 }) : source
    }
}
