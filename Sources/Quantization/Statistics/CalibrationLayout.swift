import Architectures
package import Inference
package import QAMFormat

/// The tensors and metadata of a calibration file (docs/calibration.md).
package struct CalibrationLayout: Sendable {
    /// A statistic of a matrix's inputs or outputs. Raw values are suffixes of tensor names.
    package enum Statistic: String, CaseIterable, Sendable {
        /// E[x^2], [channels].
        case meanSquare = "mean_square"
        /// E[|x|], [channels].
        case meanMagnitude = "mean_absolute"
        /// max |x|, [channels].
        case largest = "max_absolute"
        /// E[x xT], [channels, channels]: once for all matrices that share an input, under the first one's name.
        case hessian = "second_moment"
        /// E[g gT], [rows, rows], of the gradients at a matrix's outputs.
        case outputHessian = "output_moment"
        /// How much errors in each row of a matrix with one row per token cost, [rows].
        case tokenWeight = "token_weight"

        /// The statistics of inputs, in file order.
        static let ofInputs: [Statistic] = [.meanSquare, .meanMagnitude, .largest, .hessian]
    }

    static let inputsKey = "qamw.calibration.inputs"
    static let tokensKey = "qamw.calibration.tokens"
    static let contextKey = "qamw.calibration.context"

    /// The content of a tensor.
    package struct Content: Hashable, Sendable {
        /// The index of the part of the model.
        package let part: Int
        package let statistic: Statistic
        /// The index of the input or matrix in its part.
        package let index: Int
    }

    package let metadata: Metadata
    package let tensors: [TensorDescriptor]
    /// The content of each tensor.
    package let contents: [Content]

    /// - Parameters:
    ///   - parts: the parts of the model, whose statistics follow each other.
    ///   - tokens: the number of vectors in each statistic.
    package init(parts: [Calibrator.PartNames], hasHessians: Bool, tokens: Int, context: Int) {
        var tensors: [TensorDescriptor] = [], contents: [Content] = []
        func add(_ part: Int, _ statistic: Statistic, _ index: Int, _ matrix: String, _ shape: [Int]) {
            tensors.append(TensorDescriptor(name: Self.name(matrix, statistic), shape: shape, storage: .raw(.f32)))
            contents.append(Content(part: part, statistic: statistic, index: index))
        }
        for (part, names) in parts.enumerated() {
            for (input, (matrices, width)) in names.inputs.enumerated() {
                for (index, matrix) in matrices.enumerated() {
                    for statistic in Statistic.ofInputs where statistic != .hessian || hasHessians && index == 0 {
                        add(part, statistic, input, matrix, statistic == .hessian ? [width, width] : [width])
                    }
                }
            }
            for (index, (matrix, rows)) in names.outputs.enumerated() { add(part, .outputHessian, index, matrix, [rows, rows]) }
            for (index, (matrix, rows)) in names.tokenWeights.enumerated() { add(part, .tokenWeight, index, matrix, [rows]) }
        }
        self.tensors = tensors
        self.contents = contents
        let groups = JSONValue.array(parts.flatMap { $0.inputs.map { .array($0.matrices.map(JSONValue.string)) } })
        var metadata = Metadata()
        metadata.set(Self.inputsKey, .string(JSONWriter.text(groups)))
        metadata.set(Self.tokensKey, .string("\(tokens)"))
        metadata.set(Self.contextKey, .string("\(context)"))
        self.metadata = metadata
    }

    static func name(_ matrix: String, _ statistic: Statistic) -> String { "\(matrix).\(statistic.rawValue)" }
}
