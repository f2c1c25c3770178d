import Architectures
public import QAMFormat

/// What a file of calibration statistics holds (docs/calibration.md), for the sink that writes it: the statistics come from
/// elsewhere, in the order of `tensors`.
public struct CalibrationLayout: TensorSource {
    /// What is known of the channels of a matrix's input, and of its outputs: the endings of the tensors' names.
    public enum Statistic: String, CaseIterable, Sendable {
        /// E[x^2], [channels].
        case meanSquare = "mean_square"
        /// E[|x|], [channels].
        case meanMagnitude = "mean_absolute"
        /// max |x|, [channels].
        case largest = "max_absolute"
        /// E[x xT], [channels, channels]: once for all matrices that share an input, under the first one's name.
        case secondMoment = "second_moment"
        /// E[g gT], [rows, rows], of the gradients at a matrix's outputs.
        case outputMoment = "output_moment"

        /// Those of inputs, in their order.
        static let ofInputs: [Statistic] = [.meanSquare, .meanMagnitude, .largest, .secondMoment]
    }

    static let inputsKey = "qamw.calibration.inputs"
    static let tokensKey = "qamw.calibration.tokens"
    static let contextKey = "qamw.calibration.context"

    public let metadata: Metadata
    public let tensors: [TensorDescriptor]
    public let inputs: [String]
    /// The statistic that each tensor holds.
    public let statistics: [Statistic]

    /// - Parameters:
    ///   - inputs: the matrices that share an input, by the names of their tensors, and the number of its channels.
    ///   - outputs: the matrices whose outputs' moments come after all else, in this order, and the rows of each.
    ///   - tokens: how many vectors each statistic is made of.
    ///   - paths: the files that were read for it, which the output must not replace.
    public init(
        inputs: [(matrices: [String], width: Int)], hasMoments: Bool, outputs: [(matrix: String, rows: Int)] = [], tokens: Int, context: Int,
        paths: [String]
    ) {
        var tensors: [TensorDescriptor] = [], statistics: [Statistic] = []
        for (matrices, width) in inputs {
            for (index, matrix) in matrices.enumerated() {
                for statistic in Statistic.ofInputs where statistic != .secondMoment || hasMoments && index == 0 {
                    let shape = statistic == .secondMoment ? [width, width] : [width]
                    tensors.append(TensorDescriptor(name: Self.name(matrix, statistic), shape: shape, storage: .raw(.f32)))
                    statistics.append(statistic)
                }
            }
        }
        for (matrix, rows) in outputs {
            tensors.append(TensorDescriptor(name: Self.name(matrix, .outputMoment), shape: [rows, rows], storage: .raw(.f32)))
            statistics.append(.outputMoment)
        }
        self.tensors = tensors
        self.statistics = statistics
        self.inputs = paths
        let groups = JSONValue.array(inputs.map { .array($0.matrices.map(JSONValue.string)) })
        var metadata = Metadata()
        metadata.set(Self.inputsKey, .string(JSONWriter.text(groups)))
        metadata.set(Self.tokensKey, .string("\(tokens)"))
        metadata.set(Self.contextKey, .string("\(context)"))
        self.metadata = metadata
    }

    static func name(_ matrix: String, _ statistic: Statistic) -> String { "\(matrix).\(statistic.rawValue)" }

    public var fingerprint: String { "calibration" }

    public func read(_ units: Range<Int>, of tensor: Int) throws -> TensorChunk {
        throw QAMError(.invalidArgument, "statistics are written as they come, not read", at: .init(tensor: tensors[tensor].name))
    }
}
