public import QAMFormat

/// Where a model's weights come from, under the names that Hugging Face gives them.
public struct ModelWeights: Sendable {
    /// Where a file has a tensor.
    public struct Place: Sendable {
        /// The tensor's name in the file.
        public var name: String
        /// Where each row of a matrix lies, or each number of a vector; nil where they are in order.
        public var order: [Int]?

        public init(name: String, order: [Int]? = nil) {
            self.name = name
            self.order = order
        }
    }

    private enum Origin: Sendable {
        /// The places are those of tensors by their names here; nil where the file has these names itself.
        case mapped(QAMReader, exact: Bool, places: [String: Place]?)
        case source(any TensorSource, indexes: [String: Int])
    }

    private let origin: Origin

    /// A mapped .qamw file: weights are used from where they lie. With `exact`, coded matrices meet activations of 32 bits, not of
    /// eight, and are decoded each time that they are used.
    ///
    /// - Parameter places: where the tensors are, by Hugging Face's names; nil for a file that has these names and orders itself.
    public static func mapped(_ reader: QAMReader, exact: Bool, places: [String: Place]? = nil) -> ModelWeights {
        ModelWeights(origin: .mapped(reader, exact: exact, places: places))
    }

    /// Any source of raw tensors, read by rows each time that they are used. O(tensors).
    public static func source(_ source: any TensorSource) -> ModelWeights {
        let indexes = Dictionary(source.tensors.enumerated().map { ($1.name, $0) }) { first, _ in first }
        return ModelWeights(origin: .source(source, indexes: indexes))
    }

    /// The tensor of a name; nil where there is none.
    private func index(_ name: String) -> Int? {
        switch origin {
        case .mapped(let reader, _, nil): reader.index(of: name)
        case .mapped(let reader, _, let places?): places[name].flatMap { reader.index(of: $0.name) }
        case .source(_, let indexes): indexes[name]
        }
    }

    /// Where each row of a tensor lies; nil where they are in order.
    private func order(_ name: String) -> [Int]? {
        if case .mapped(_, _, let places?) = origin { places[name]?.order } else { nil }
    }

    func has(_ name: String) -> Bool { index(name) != nil }

    /// A matrix. Throws `malformed` where it is missing or of another shape.
    func matrix(_ name: String, rows: Int, columns: Int) throws -> any Linear {
        let index = try required(name)
        var linear: any Linear =
            switch origin {
            case .mapped(let reader, let exact, _): try Self.linear(name, reader.tensor(at: index), exact: exact)
            case .source(let source, _): try SourceLinear(source, index)
            }
        if let order = order(name) { linear = try PermutedLinear(linear, order: order) }
        guard linear.rows == rows, linear.columns == columns else {
            throw QAMError(
                .malformed, "by the model's configuration it is \(rows) x \(columns), but it is \(linear.rows) x \(linear.columns)",
                at: .init(tensor: name))
        }
        return linear
    }

    /// The numbers of a small tensor, such as a norm's weights or a bias. Throws `malformed` where it is missing or of another length.
    func vector(_ name: String, count: Int) throws -> [Float] {
        let index = try required(name)
        let matrix: any Linear =
            switch origin {
            case .mapped(let reader, _, _): FloatLinear(name: name, tensor: try reader.tensor(at: index))
            case .source(let source, _): try SourceLinear(source, index)
            }
        guard matrix.rows == 1, matrix.columns == count else {
            throw QAMError(
                .malformed, "by the model's configuration it has \(count) numbers, but it has \(matrix.rows) x \(matrix.columns)",
                at: .init(tensor: name))
        }
        let row = FloatMatrix(count: 1, width: count)
        try matrix.copyRow(0, to: row, 0)
        let numbers = row.array(0..<1)
        guard let order = order(name) else { return numbers }
        try order.requirePermutation(of: count, tensor: name)
        return order.map { numbers[$0] }
    }

    /// The numbers of a small tensor; nil where it is missing.
    func vector(ifThere name: String, count: Int) throws -> [Float]? { has(name) ? try vector(name, count: count) : nil }

    private func required(_ name: String) throws -> Int {
        guard let index = index(name) else { throw QAMError(.malformed, "the model has no such tensor", at: .init(tensor: name)) }
        return index
    }

    private static func linear(_ name: String, _ tensor: TensorView, exact: Bool) throws -> any Linear {
        if !exact, case .coded = tensor.descriptor.storage { return CodedLinear(name: name, matrix: try QAMMatrix(tensor)) }
        return FloatLinear(name: name, tensor: tensor)
    }
}
