import Architectures
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

        /// The statistics of inputs, in file order.
        static let ofInputs: [Statistic] = [.meanSquare, .meanMagnitude, .largest, .hessian]
    }

    static let inputsKey = "qamw.calibration.inputs"
    static let tokensKey = "qamw.calibration.tokens"
    static let contextKey = "qamw.calibration.context"

    /// The content of a tensor.
    package struct Content: Hashable, Sendable {
        package let statistic: Statistic
        /// The index of the input or output, in the order given to `init`.
        package let index: Int
    }

    package let metadata: Metadata
    package let tensors: [TensorDescriptor]
    /// The content of each tensor.
    package let contents: [Content]

    /// - Parameters:
    ///   - inputs: the tensor names of the matrices that share an input, and its number of channels.
    ///   - outputs: the matrices whose output Hessians follow, in this order, and the rows of each.
    ///   - tokens: the number of vectors in each statistic.
    package init(
        inputs: [(matrices: [String], width: Int)], hasHessians: Bool, outputs: [(matrix: String, rows: Int)] = [], tokens: Int, context: Int
    ) {
        var tensors: [TensorDescriptor] = [], contents: [Content] = []
        for (input, (matrices, width)) in inputs.enumerated() {
            for (index, matrix) in matrices.enumerated() {
                for statistic in Statistic.ofInputs where statistic != .hessian || hasHessians && index == 0 {
                    let shape = statistic == .hessian ? [width, width] : [width]
                    tensors.append(TensorDescriptor(name: Self.name(matrix, statistic), shape: shape, storage: .raw(.f32)))
                    contents.append(Content(statistic: statistic, index: input))
                }
            }
        }
        for (output, (matrix, rows)) in outputs.enumerated() {
            tensors.append(TensorDescriptor(name: Self.name(matrix, .outputHessian), shape: [rows, rows], storage: .raw(.f32)))
            contents.append(Content(statistic: .outputHessian, index: output))
        }
        self.tensors = tensors
        self.contents = contents
        let groups = JSONValue.array(inputs.map { .array($0.matrices.map(JSONValue.string)) })
        var metadata = Metadata()
        metadata.set(Self.inputsKey, .string(JSONWriter.text(groups)))
        metadata.set(Self.tokensKey, .string("\(tokens)"))
        metadata.set(Self.contextKey, .string("\(context)"))
        self.metadata = metadata
    }

    static func name(_ matrix: String, _ statistic: Statistic) -> String { "\(matrix).\(statistic.rawValue)" }
}
