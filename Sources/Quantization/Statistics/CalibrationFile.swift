import Architectures
public import QAMFormat

/// Statistics of the inputs of a model's matrices and of the gradients at their outputs, read from a file with the layout of `CalibrationLayout` or from
/// llama.cpp's imatrix, or computed as they are read. Hessians are read on demand, a few rows at a time. Matrices are found by their Hugging Face or GGUF names.
public struct CalibrationFile: Sendable {
    /// The names of matrices that read the same input, and its number of channels.
    package struct Input: Hashable, Sendable {
        package let matrices: [String]
        package let width: Int
    }

    package let inputs: [Input]
    /// The number of vectors in the statistics; nil if the file does not state it.
    package let vectorCount: Int?
    /// Whether the statistics are computed as they are read: `inputs` are then in the order in which matrices should be coded, one after another.
    package private(set) var isComputed = false
    private let source: any TensorSource
    /// The index in `inputs` of each matrix's input.
    private let inputOfMatrix: [String: Int]
    private let tensorOfName: [String: Int]
    private var outputHessians: OutputHessians
    /// The tensor with the costs of each row, by the matrix's GGUF name.
    private let tokenWeights: [String: Int]

    /// Statistics that are computed as they are read.
    ///
    /// - Throws: `QAMError.malformed` for a model with two matrices of one name.
    package init(computing source: CalibratingSource) throws {
        try self.init(source)
        isComputed = true
    }

    /// Reads no payloads, except for an imatrix, which is read whole. O(tensors).
    ///
    /// - Throws: `QAMError.malformed` for a source without such statistics, or whose names, shapes or types are inconsistent.
    public init(_ source: any TensorSource) throws {
        do {
            try self.init(reading: source)
        } catch let error as QAMError {
            throw source.inputs.first.map { error.inFile($0) } ?? error
        }
    }

    private init(reading source: any TensorSource) throws {
        let source: any TensorSource = ImatrixStatistics.isImatrix(source) ? try ImatrixStatistics(source) : source
        guard case .string(let text) = source.metadata[CalibrationLayout.inputsKey] else {
            let isModel = source.metadata[ModelNames.architectureKey] != nil || source.tensors.contains { $0.name.hasSuffix(".weight") }
            throw Self.malformed(
                isModel
                    ? "this is a model, not a file of calibration statistics; calibrate makes one of it"
                    : "no calibration statistics: the metadata have no \(CalibrationLayout.inputsKey)")
        }
        var inputs: [Input] = [], inputOfMatrix: [String: Int] = [:], tensorOfName: [String: Int] = [:]
        for (index, tensor) in source.tensors.enumerated() { tensorOfName[tensor.name] = index }
        guard case .array(let groups) = try JSONValue(parsing: Array(text.utf8), section: CalibrationLayout.inputsKey) else {
            throw Self.malformed("\(CalibrationLayout.inputsKey) is not a list")
        }
        for group in groups {
            guard case .array(let members) = group, !members.isEmpty else { throw Self.malformed("an input has no list of matrices") }
            var matrices: [String] = []
            for member in members {
                guard case .string(let name) = member else { throw Self.malformed("an input's matrix has no name") }
                guard inputOfMatrix.updateValue(inputs.count, forKey: Self.common(name)) == nil else {
                    throw Self.malformed("matrix \(name) has two inputs")
                }
                matrices.append(name)
            }
            let first = CalibrationLayout.name(matrices[0], .meanSquare)
            guard let width = tensorOfName[first].map({ source.tensors[$0].elementCount }), width > 0 else {
                throw QAMError(.malformed, "the statistics of an input are missing", at: .init(tensor: first))
            }
            inputs.append(Input(matrices: matrices, width: width))
            for (index, matrix) in matrices.enumerated() {
                for statistic in CalibrationLayout.Statistic.ofInputs where statistic != .hessian || index == 0 {
                    let name = CalibrationLayout.name(matrix, statistic)
                    guard let tensor = tensorOfName[name].map({ source.tensors[$0] }) else {
                        guard statistic != .meanSquare else { throw QAMError(.malformed, "the statistics of an input are missing", at: .init(tensor: name)) }
                        continue
                    }
                    guard tensor.shape == (statistic == .hessian ? [width, width] : [width]), tensor.storage == .raw(.f32) else {
                        throw QAMError(.malformed, "the statistics are not F32 values of the input's \(width) channels", at: .init(tensor: name))
                    }
                }
            }
        }
        self.source = source
        tokenWeights = try Self.tokenWeights(source.tensors)
        outputHessians = try OutputHessians(source.tensors)
        self.inputs = inputs
        vectorCount = if case .string(let count) = source.metadata[CalibrationLayout.tokensKey] { Int(count).flatMap { $0 > 0 ? $0 : nil } } else { nil }
        self.inputOfMatrix = inputOfMatrix
        self.tensorOfName = tensorOfName
    }

    /// The same statistics, prepared for a model with GGUF names that states its architecture and numbers of heads: output Hessians stored under Hugging Face
    /// names are then found for queries and keys too, with rows and columns in the model's order. Other models are not affected.
    ///
    /// - Throws: `QAMError.malformed` for metadata of the wrong form.
    package func ordered(for model: any TensorSource) throws -> CalibrationFile {
        var result = self
        result.outputHessians.counterparts = try HuggingFaceCounterparts(of: model)
        return result
    }

    /// Equal for files with equal statistics.
    package var fingerprint: String { source.fingerprint }

    /// The paths of the statistics' files.
    package var paths: [String] { source.inputs }

    /// The index in `inputs` of a matrix's input; nil if there are no statistics for it.
    package func input(of matrix: String) -> Int? { inputOfMatrix[Self.common(matrix)] }

    /// The index in `inputs` of a tensor's input; nil also if its number of channels differs from the tensor's columns.
    package func input(of tensor: TensorDescriptor) -> Int? { input(of: tensor.name).flatMap { inputs[$0].width == tensor.columns ? $0 : nil } }

    /// The GGUF name of a matrix, which identifies its columns and so its statistics; other names are returned unchanged.
    private static func common(_ name: String) -> String {
        let canonical = TextModel.canonicalName(name)
        return names.lazy.compactMap { $0.match(huggingFace: canonical)?.name }.first ?? name
    }

    /// The other architectures use llama's names.
    static let names = [TensorNames(.llama), TensorNames(.phi3)]

    /// E[x^2] of an input's channels.
    ///
    /// - Throws: `QAMError.malformed` for numbers that are negative or not finite.
    package func meanSquares(of input: Int) throws -> [Float] { try channels(.meanSquare, of: input) ?? [] }

    /// E[|x|] of an input's channels; nil if not in the file.
    ///
    /// - Throws: as `meanSquares`.
    package func meanMagnitudes(of input: Int) throws -> [Float]? { try channels(.meanMagnitude, of: input) }

    /// max |x| of an input's channels; nil if not in the file.
    ///
    /// - Throws: as `meanSquares`.
    package func largestMagnitudes(of input: Int) throws -> [Float]? { try channels(.largest, of: input) }

    /// Whether the file has the Hessian E[x xT] of an input.
    package func hasHessian(of input: Int) -> Bool { tensorOfName[name(.hessian, of: input)] != nil }

    /// Whether the file has the Hessian of a tensor's input.
    package func hasHessian(of tensor: TensorDescriptor) -> Bool { input(of: tensor).map(hasHessian) ?? false }

    /// Whether the file has the Hessian of any input, so that errors can be fed.
    package var hasHessians: Bool { inputs.indices.contains { hasHessian(of: $0) } }

    /// Consecutive rows of E[x xT], `width` floats each, unchecked.
    ///
    /// - Throws: `QAMError.notFound` if not in the file, and errors from reading.
    package func hessian(of input: Int, rows: Range<Int>) throws -> [Float] {
        let name = name(.hessian, of: input)
        guard let tensor = tensorOfName[name] else { throw QAMError(.notFound, "the statistics have no Hessian", at: .init(tensor: name)) }
        let width = inputs[input].width
        return try floats(rows.lowerBound * width..<rows.upperBound * width, of: tensor)
    }

    /// Whether the file has E[g gT] of a matrix's outputs. A Hessian under the matrix's other name is used only if both formats have the rows in the same order,
    /// or `ordered` has determined the order: for queries and keys the name is not enough.
    package func hasOutputHessian(of matrix: String) -> Bool { outputHessians.place(of: matrix) != nil }

    /// The number of outputs of a matrix's E[g gT]; nil if not in the file.
    package func outputCount(of matrix: String) -> Int? { outputHessians.place(of: matrix)?.count }

    /// Consecutive rows of E[g gT] of a matrix's outputs, `outputCount` floats each. They may be non-finite.
    ///
    /// - Throws: `QAMError.notFound` if not in the file, `invalidArgument` for rows out of range, and errors from reading.
    package func outputHessian(of matrix: String, rows: Range<Int>) throws -> [Float] {
        let name = CalibrationLayout.name(matrix, .outputHessian)
        guard let place = outputHessians.place(of: matrix) else {
            throw QAMError(.notFound, "the statistics have no Hessian of the outputs", at: .init(tensor: name))
        }
        let count = place.count
        guard rows.lowerBound >= 0, rows.upperBound <= count else {
            throw QAMError(.invalidArgument, "the Hessian is of \(count) outputs, not of \(rows)", at: .init(tensor: name))
        }
        guard let order = place.order else { return try floats(rows.lowerBound * count..<rows.upperBound * count, of: place.tensor) }
        var values: [Float] = []
        values.reserveCapacity(rows.count * count)
        for row in order[rows] {
            let stored = try floats(row * count..<(row + 1) * count, of: place.tensor)
            for column in order { values.append(stored[column]) }
        }
        return values
    }

    /// What errors in each row of a matrix with one row per token cost, relative to each other; nil if not in the file.
    ///
    /// - Throws: `QAMError.malformed` for numbers that are negative or not finite.
    package func tokenWeights(of tensor: TensorDescriptor) throws -> [Float]? {
        try tokenWeightIndex(of: tensor).map { try nonNegative(tensor.rows, of: $0) }
    }

    /// Whether the file has `tokenWeights(of:)`.
    package func hasTokenWeights(of tensor: TensorDescriptor) -> Bool {
        tokenWeightIndex(of: tensor) != nil
    }

    /// What errors of each output of a matrix cost, E[g^2] of the gradients g there or the weights of tokens; nil if not in the file.
    ///
    /// - Throws: as `tokenWeights(of:)`, and errors from reading.
    func outputCosts(of tensor: TensorDescriptor) throws -> [Float]? {
        if let weights = try tokenWeights(of: tensor) { return weights }
        guard outputCount(of: tensor.name) == tensor.rows else { return nil }
        var costs: [Float] = []
        for start in stride(from: 0, to: tensor.rows, by: 64) {
            let rows = start..<min(start + 64, tensor.rows), values = try outputHessian(of: tensor.name, rows: rows)
            costs += rows.map { values[($0 - start) * tensor.rows + $0] }
        }
        return costs
    }

    private func tokenWeightIndex(of tensor: TensorDescriptor) -> Int? {
        tokenWeights[Self.common(tensor.name)].flatMap { source.tensors[$0].elementCount == tensor.rows ? $0 : nil }
    }

    private static func tokenWeights(_ tensors: [TensorDescriptor]) throws -> [String: Int] {
        let ending = CalibrationLayout.name("", .tokenWeight)
        var found: [String: Int] = [:]
        for (index, tensor) in tensors.enumerated() where tensor.name.hasSuffix(ending) {
            guard tensor.shape.count == 1, tensor.storage == .raw(.f32),
                found.updateValue(index, forKey: common(String(tensor.name.dropLast(ending.count)))) == nil
            else { throw QAMError(.malformed, "the weights of tokens are not one F32 vector for a matrix", at: .init(tensor: tensor.name)) }
        }
        return found
    }

    private func floats(_ elements: Range<Int>, of tensor: Int) throws -> [Float] {
        try source.withElements(4 * elements.lowerBound..<4 * elements.upperBound, of: tensor) { bytes in
            var values = [Float](repeating: 0, count: elements.count)
            var span = values.mutableSpan
            try ElementConversion.floats(bytes, as: .f32, into: &span)
            return values
        }
    }

    private func name(_ statistic: CalibrationLayout.Statistic, of input: Int) -> String {
        CalibrationLayout.name(inputs[input].matrices[0], statistic)
    }

    private func channels(_ statistic: CalibrationLayout.Statistic, of input: Int) throws -> [Float]? {
        try tensorOfName[name(statistic, of: input)].map { try nonNegative(inputs[input].width, of: $0) }
    }

    /// The numbers of a vector of statistics.
    private func nonNegative(_ count: Int, of tensor: Int) throws -> [Float] {
        let values = try floats(0..<count, of: tensor)
        guard values.allSatisfy({ $0 >= 0 && $0.isFinite }) else {
            throw QAMError(.malformed, "statistics are negative or not finite", at: .init(tensor: source.tensors[tensor].name))
        }
        return values
    }

    private static func malformed(_ message: String) -> QAMError { QAMError(.malformed, message) }
}
