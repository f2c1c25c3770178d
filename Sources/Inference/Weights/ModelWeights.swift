package import QAMFormat

/// The source of a model's weights, under their Hugging Face names.
package struct ModelWeights: Sendable {
    /// The location of a tensor in a file.
    package struct Place: Sendable {
        /// The tensor's name in the file.
        package var name: String
        /// The stored position of each row of a matrix, or element of a vector; nil if in order.
        package var order: [Int]?

        package init(name: String, order: [Int]? = nil) {
            self.name = name
            self.order = order
        }
    }

    private enum Origin: Sendable {
        /// `places` is keyed by Hugging Face names; nil if the file has these names.
        case mapped(QAMReader, exact: Bool, places: [String: Place]?)
        case source(any TensorSource, indexes: [String: Int])
    }

    private let origin: Origin

    /// A mapped .qamw file: weights are used in place. With `exact`, coded matrices use float32 instead of int8 activations, and are
    /// decoded at each use.
    ///
    /// - Parameter places: the tensors' locations by Hugging Face names; nil for a file with these names and row orders.
    package static func mapped(_ reader: QAMReader, exact: Bool, places: [String: Place]? = nil) -> ModelWeights {
        ModelWeights(origin: .mapped(reader, exact: exact, places: places))
    }

    /// Any source of raw tensors, read row by row at each use. O(tensors).
    package static func source(_ source: any TensorSource) -> ModelWeights {
        let indexes = Dictionary(source.tensors.enumerated().map { ($1.name, $0) }) { first, _ in first }
        return ModelWeights(origin: .source(source, indexes: indexes))
    }

    /// The tensor with a name, or nil.
    private func index(_ name: String) -> Int? {
        switch origin {
        case .mapped(let reader, _, nil): reader.index(of: name)
        case .mapped(let reader, _, let places?): places[name].flatMap { reader.index(of: $0.name) }
        case .source(_, let indexes): indexes[name]
        }
    }

    /// The stored position of each row of a tensor; nil if in order.
    private func order(_ name: String) -> [Int]? {
        if case .mapped(_, _, let places?) = origin { places[name]?.order } else { nil }
    }

    func has(_ name: String) -> Bool { index(name) != nil }

    /// Whether two names are aliases of one tensor.
    func isSame(_ name: String, _ other: String) -> Bool {
        guard let first = target(name), let second = target(other) else { return false }
        return first == second
    }

    /// The index of the tensor that has a name's payload.
    private func target(_ name: String) -> Int? {
        guard let index = index(name) else { return nil }
        let storage =
            switch origin {
            case .mapped(let reader, _, _): reader.tensors[index].storage
            case .source(let source, _): source.tensors[index].storage
            }
        if case .alias(let target) = storage { return target }
        return index
    }

    /// A matrix. Throws `malformed` if it is missing or has another shape.
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
                .malformed, "the model's configuration requires \(rows) x \(columns), but it is \(linear.rows) x \(linear.columns)",
                at: .init(tensor: name))
        }
        return linear
    }

    /// The elements of a small tensor, such as a norm's weights or a bias. Throws `malformed` if it is missing or has another length.
    func vector(_ name: String, count: Int) throws -> [Float] {
        let index = try required(name)
        let matrix: any Linear =
            switch origin {
            case .mapped(let reader, _, _): FloatLinear(name: name, tensor: try reader.tensor(at: index))
            case .source(let source, _): try SourceLinear(source, index)
            }
        guard matrix.rows == 1, matrix.columns == count else {
            throw QAMError(
                .malformed, "the model's configuration requires \(count) elements, but it is \(matrix.rows) x \(matrix.columns)",
                at: .init(tensor: name))
        }
        let row = FloatMatrix(count: 1, width: count)
        try matrix.copyRow(0, to: row, 0)
        let numbers = row.array(0..<1)
        guard let order = order(name) else { return numbers }
        try order.requirePermutation(of: count, tensor: name)
        return order.map { numbers[$0] }
    }

    /// The elements of a small tensor; nil if it is missing.
    func vector(ifThere name: String, count: Int) throws -> [Float]? { has(name) ? try vector(name, count: count) : nil }

    /// A row of a small matrix; nil if the matrix is missing. Throws `malformed` if it has another shape.
    func row(ifThere name: String, _ row: Int, rows: Int, count: Int) throws -> [Float]? {
        guard has(name) else { return nil }
        let vector = FloatMatrix(count: 1, width: count)
        try matrix(name, rows: rows, columns: count).copyRow(row, to: vector, 0)
        return vector.array(0..<1)
    }

    private func required(_ name: String) throws -> Int {
        guard let index = index(name) else { throw QAMError(.malformed, "the model lacks this tensor", at: .init(tensor: name)) }
        return index
    }

    private static func linear(_ name: String, _ tensor: TensorView, exact: Bool) throws -> any Linear {
        if !exact, case .coded = tensor.descriptor.storage { return CodedLinear(name: name, matrix: try QAMMatrix(tensor)) }
        return FloatLinear(name: name, tensor: tensor)
    }
}
