import Architectures
import QAMFormat

/// How tensors of one format are put together from those of the other, by the rules of an architecture.
struct TensorAssembly {
    typealias Assembly = AssemblingSource.Assembly
    typealias Piece = AssemblingSource.Piece
    typealias Segment = AssemblingSource.Segment

    private let shape: ModelShape
    private let names: TensorNames
    private let source: any TensorSource
    private var indexes: [String: Int] = [:]

    /// The tensors of `source` are those that are put together.
    init(_ shape: ModelShape, _ names: TensorNames, of source: any TensorSource) {
        self.shape = shape
        self.names = names
        self.source = source
        for (index, tensor) in source.tensors.enumerated() {
            if case .alias(let target) = tensor.storage { indexes[tensor.name] = target } else { indexes[tensor.name] = index }
        }
    }

    // MARK: Hugging Face to GGUF

    /// A tensor of GGUF that stacks or rearranges tensors of Hugging Face, and the indexes of these; nil if it is one of them as it is. Of a stack, the
    /// first tensor stands for all.
    func toGGUF(_ match: TensorNames.Match, of tensor: TensorDescriptor) throws -> (assembly: Assembly, parts: [Int])? {
        let rule = match.rule
        var descriptor = tensor
        descriptor.name = match.name
        descriptor.shape = (match.isBias ? rule.biasShape(.gguf) : rule.shape).map(shape.count)
        if case .arranged(let arrangements, _) = rule.change {
            let index = try self.index(tensor.name)
            descriptor.storage = source.tensors[index].storage
            return (Assembly(descriptor, arrangements.map { piece(match.isBias ? $0.ofBias : $0, of: index) }), [index])
        }
        guard rule.isStacked else { return nil }
        let parts = try (0..<descriptor.shape[0]).map { try self.index(match.huggingFaceName.replacing("*", with: String($0))) }
        guard let first = parts.first else { return nil }
        descriptor.storage = source.tensors[first].storage
        let segments = parts.map { Segment(tensor: $0, start: 0, count: 1, strides: [0, 1]) }
        return (Assembly(descriptor, [Piece([parts.count, tensor.elementCount], segments)]), parts)
    }

    /// What GGUF has of a tensor of Hugging Face.
    private func piece(_ arrangement: Arrangement, of index: Int) -> Piece {
        var counts = arrangement.axes.map(shape.count)
        let strides = Self.strides(counts)
        var start = 0
        if let part = arrangement.part {
            start = shape.count(part.start) * strides[part.axis]
            counts[part.axis] = shape.count(part.count)
        }
        counts = arrangement.order.map { counts[$0] }
        return Piece(counts, [Segment(tensor: index, start: start, count: counts[0], strides: arrangement.order.map { strides[$0] })])
    }

    // MARK: GGUF to Hugging Face

    /// The tensors of Hugging Face of which a tensor of GGUF has elements; nil if it is one of them as it is.
    func toHuggingFace(_ match: TensorNames.Match, of tensor: TensorDescriptor) throws -> [Assembly]? {
        let rule = match.rule
        var descriptor = tensor
        descriptor.name = match.name
        descriptor.shape = (match.isBias ? rule.biasShape(.huggingFace) : rule.huggingFaceShape).map(shape.count)
        let index = try self.index(tensor.name)
        descriptor.storage = source.tensors[index].storage
        if case .arranged = rule.change { return [Assembly(descriptor, [try inverse(named: match.name)])] }
        guard rule.isStacked else { return nil }
        let elements = descriptor.elementCount
        return (0..<(tensor.shape.first ?? 0)).map { expert in
            descriptor.name = match.name.replacing("*", with: String(expert))
            return Assembly(descriptor, [Piece([elements], [Segment(tensor: index, start: expert * elements, count: elements, strides: [1])])])
        }
    }

    /// A tensor of Hugging Face, from all that GGUF has of it.
    private func inverse(named name: String) throws -> Piece {
        var counts: [Int] = [], axis = 0
        var segments: [(place: Int, segment: Segment)] = []
        for match in shape.matches(name, .huggingFace, names) {
            guard case .arranged(let arrangements, _) = match.rule.change else { continue }
            let index = try self.index(match.name)
            var start = 0
            for arrangement in arrangements.map({ match.isBias ? $0.ofBias : $0 }) {
                counts = arrangement.axes.map(shape.count)
                axis = arrangement.part?.axis ?? 0
                var own = counts
                if let part = arrangement.part { own[part.axis] = shape.count(part.count) }
                let ordered = Self.strides(arrangement.order.map { own[$0] })
                var strides = own
                for (place, axis) in arrangement.order.enumerated() { strides[axis] = ordered[place] }
                segments.append(
                    (arrangement.part.map { shape.count($0.start) } ?? 0, Segment(tensor: index, start: start, count: own[axis], strides: strides)))
                start += own.reduce(1, *)
            }
        }
        return Piece(counts, dividing: axis, segments.sorted { $0.place < $1.place }.map(\.segment))
    }

    private func index(_ name: String) throws -> Int {
        guard let index = indexes[name] else { throw QAMError(.malformed, "the tensor is missing", at: .init(tensor: name)) }
        return index
    }

    /// Row-major.
    private static func strides(_ counts: [Int]) -> [Int] {
        var strides = counts, stride = 1
        for axis in counts.indices.reversed() {
            strides[axis] = stride
            stride *= counts[axis]
        }
        return strides
    }
}
