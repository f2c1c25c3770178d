import Architectures
public import QAMFormat

/// Statistics of what the matrices of a model are multiplied by, and of the gradients at what they make of it, as `CalibrationLayout` lays
/// them out in a file, or llama.cpp's imatrix. Second moments are read when they are needed, some rows at a time. Matrices are found by
/// Hugging Face's names and by GGUF's.
public struct CalibrationFile: Sendable {
    /// The names of matrices that read the same input, and the number of its channels.
    public struct Input: Hashable, Sendable {
        public let matrices: [String]
        public let width: Int
    }

    public let inputs: [Input]
    /// How many vectors the statistics are made of; nil where the file does not say so.
    public let vectorCount: Int?
    private let source: any TensorSource
    /// The input of each matrix.
    private let inputOfMatrix: [String: Int]
    private let tensorOfName: [String: Int]
    private var outputMoments: OutputMoments

    /// Reads no payload, but all of an imatrix. O(tensors).
    ///
    /// - Throws: `QAMError.malformed` for a source that has no such statistics, or whose names, shapes or types contradict each other.
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
            throw Self.malformed("no calibration statistics: the metadata have no \(CalibrationLayout.inputsKey)")
        }
        var inputs: [Input] = [], inputOfMatrix: [String: Int] = [:], tensorOfName: [String: Int] = [:]
        for (index, tensor) in source.tensors.enumerated() { tensorOfName[tensor.name] = index }
        guard case .array(let groups) = try JSONValue(parsing: Array(text.utf8), section: CalibrationLayout.inputsKey) else {
            throw Self.malformed("\(CalibrationLayout.inputsKey) is no list")
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
                for statistic in CalibrationLayout.Statistic.ofInputs where statistic != .secondMoment || index == 0 {
                    let name = CalibrationLayout.name(matrix, statistic)
                    guard let tensor = tensorOfName[name].map({ source.tensors[$0] }) else {
                        guard statistic != .meanSquare else { throw QAMError(.malformed, "the statistics of an input are missing", at: .init(tensor: name)) }
                        continue
                    }
                    guard tensor.shape == (statistic == .secondMoment ? [width, width] : [width]), tensor.storage == .raw(.f32) else {
                        throw QAMError(.malformed, "the statistics are no F32 of the input's \(width) channels", at: .init(tensor: name))
                    }
                }
            }
        }
        self.source = source
        outputMoments = try OutputMoments(source.tensors)
        self.inputs = inputs
        vectorCount = if case .string(let count) = source.metadata[CalibrationLayout.tokensKey] { Int(count).flatMap { $0 > 0 ? $0 : nil } } else { nil }
        self.inputOfMatrix = inputOfMatrix
        self.tensorOfName = tensorOfName
    }

    /// The same statistics for the tensors of a model that has GGUF's names and says its architecture and its numbers of heads: moments of
    /// outputs that are there under Hugging Face's names are then found for queries and keys too, with rows and columns in the model's order.
    /// For other models nothing changes.
    ///
    /// - Throws: `QAMError.malformed` for metadata of another form.
    public func ordered(for model: any TensorSource) throws -> CalibrationFile {
        var result = self
        result.outputMoments.counterparts = try HuggingFaceCounterparts(of: model)
        return result
    }

    /// Two files with equal strings hold equal statistics.
    public var fingerprint: String { source.fingerprint }

    /// The paths that the statistics come from.
    public var paths: [String] { source.inputs }

    /// The index in `inputs` of the input that a matrix reads; nil where nothing is known of it.
    public func input(of matrix: String) -> Int? { inputOfMatrix[Self.common(matrix)] }

    /// The index in `inputs` of the input that a tensor reads; nil too where that has another number of channels than the tensor columns.
    public func input(of tensor: TensorDescriptor) -> Int? { input(of: tensor.name).flatMap { inputs[$0].width == tensor.columns ? $0 : nil } }

    /// GGUF's name of a matrix, which columns and so statistics do not depend on; other names stay.
    private static func common(_ name: String) -> String {
        names.lazy.compactMap { $0.match(huggingFace: name)?.name }.first ?? name
    }

    /// The other architectures name their matrices like llama.
    static let names = [TensorNames(.llama), TensorNames(.phi3)]

    /// E[x^2] of the channels of an input.
    ///
    /// - Throws: `QAMError.malformed` for numbers that are negative or not finite.
    public func meanSquares(of input: Int) throws -> [Float] { try channels(.meanSquare, of: input) ?? [] }

    /// E[|x|] of the channels of an input; nil where the file does not have it.
    ///
    /// - Throws: as `meanSquares`.
    public func meanMagnitudes(of input: Int) throws -> [Float]? { try channels(.meanMagnitude, of: input) }

    /// max |x| of the channels of an input; nil where the file does not have it.
    ///
    /// - Throws: as `meanSquares`.
    public func largestMagnitudes(of input: Int) throws -> [Float]? { try channels(.largest, of: input) }

    /// Whether the file has E[x xT] of an input.
    public func hasSecondMoment(of input: Int) -> Bool { tensorOfName[name(.secondMoment, of: input)] != nil }

    /// Rows of E[x xT], one after the other: `width` floats each. They are not checked.
    ///
    /// - Throws: `QAMError.notFound` where the file does not have it, and what reading throws.
    public func secondMoment(of input: Int, rows: Range<Int>) throws -> [Float] {
        let name = name(.secondMoment, of: input)
        guard let tensor = tensorOfName[name] else { throw QAMError(.notFound, "there are no second moments", at: .init(tensor: name)) }
        let width = inputs[input].width
        return try floats(rows.lowerBound * width..<rows.upperBound * width, of: tensor)
    }

    /// Whether the file has E[g gT] of a matrix's outputs. It is found under the matrix's other name only where the two worlds have its rows
    /// in the same order, or `ordered` has said in which: of queries and keys the name alone does not say it.
    public func hasOutputMoment(of matrix: String) -> Bool { outputMoments.place(of: matrix) != nil }

    /// The number of outputs that E[g gT] of a matrix is of; nil where the file does not have it.
    public func outputCount(of matrix: String) -> Int? { outputMoments.place(of: matrix)?.count }

    /// Rows of E[g gT] of a matrix's outputs, one after the other: `outputCount` floats each. They are not checked for being finite.
    ///
    /// - Throws: `QAMError.notFound` where the file does not have it, `invalidArgument` for rows that it does not have, and what reading
    ///   throws.
    public func outputMoment(of matrix: String, rows: Range<Int>) throws -> [Float] {
        let name = CalibrationLayout.name(matrix, .outputMoment)
        guard let place = outputMoments.place(of: matrix) else {
            throw QAMError(.notFound, "there are no moments of outputs", at: .init(tensor: name))
        }
        let count = place.count
        guard rows.lowerBound >= 0, rows.upperBound <= count else {
            throw QAMError(.invalidArgument, "the moments are of \(count) outputs, not of \(rows)", at: .init(tensor: name))
        }
        guard let order = place.order else { return try floats(rows.lowerBound * count..<rows.upperBound * count, of: place.tensor) }
        var moments: [Float] = []
        moments.reserveCapacity(rows.count * count)
        for row in order[rows] {
            let stored = try floats(row * count..<(row + 1) * count, of: place.tensor)
            for column in order { moments.append(stored[column]) }
        }
        return moments
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
        let name = name(statistic, of: input)
        guard let tensor = tensorOfName[name] else { return nil }
        let values = try floats(0..<inputs[input].width, of: tensor)
        guard values.allSatisfy({ $0 >= 0 && $0.isFinite }) else {
            throw QAMError(.malformed, "statistics are negative or not finite", at: .init(tensor: name))
        }
        return values
    }

    private static func malformed(_ message: String) -> QAMError { QAMError(.malformed, message) }
}
