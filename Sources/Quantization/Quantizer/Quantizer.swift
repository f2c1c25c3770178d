public import QAMFormat

/// Quantizes a model: from options and a source to a plan, then to a source of coded tensors.
///
///     var options = Quantizer.Options()
///     options.rate = .bits(4.5)
///     let quantizer = try Quantizer(options)
///     let plan = try await quantizer.plan(for: model)
///     for warning in plan.warnings { print(warning) }
///     let coded = try await plan.codedSource()
///     let report = try await transfer(from: coded, to: QAMWriter(path: "model.qamw"), threads: options.threads)
///     print("\(plan.size.quantizedBitsPerWeight) bits per weight, NMSE \(report.totalDistortion?.normalized ?? 0)")
///
/// Only the sink writes; nothing is printed, and no state is kept between calls. Errors are `QAMError`.
public struct Quantizer: Sendable {
    /// As they were given.
    public let options: Options
    let recipe: Recipe
    let statistics: CalibrationFile?
    let rateStatistics: CalibrationFile?
    let checkpoint: @Sendable () throws -> Void
    let fileSize: @Sendable (any TensorSource) throws -> Int

    /// - Parameters:
    ///   - statistics: of the inputs of the model's matrices and of the gradients at their outputs; used for feedback, channel scales and chosen rates.
    ///   - checkpoint: for cancellation: called regularly, from any thread, during planning and while coded tensors are read; an error that it throws ends that
    ///     work.
    ///   - fileSize: the bytes of a file of a model, for `Rate.bytes`; without it those of its tensors count.
    /// - Throws: `QAMError.invalidArgument` for invalid options, or options that require missing statistics.
    public init(
        _ options: Options = Options(), statistics: CalibrationFile? = nil,
        checkpoint: @escaping @Sendable () throws -> Void = {},
        fileSize: @escaping @Sendable (any TensorSource) throws -> Int = { ModelSize($0).storedBytes }
    ) throws {
        try self.init(options, statistics: statistics, rateStatistics: statistics, checkpoint: checkpoint, fileSize: fileSize)
    }

    /// The same with statistics of their own for choosing rates: those of fewer vectors, if they are computed as they are read.
    package init(
        _ options: Options, statistics: CalibrationFile?, rateStatistics: CalibrationFile?, checkpoint: @escaping @Sendable () throws -> Void,
        fileSize: @escaping @Sendable (any TensorSource) throws -> Int
    ) throws {
        recipe = try options.checkedRecipe()
        if statistics == nil {
            guard !options.rate.isChosen else { throw QAMError(.invalidArgument, "rates are chosen by statistics, and none are given") }
            guard !options.needsStatistics else { throw QAMError(.invalidArgument, "channels are scaled by statistics, and none are given") }
        }
        self.options = options
        self.statistics = statistics
        self.rateStatistics = rateStatistics
        self.checkpoint = checkpoint
        self.fileSize = fileSize
    }

    /// The progress of a phase.
    public struct Progress: Sendable {
        /// What is at work.
        public enum Phase: String, Sendable {
            /// Channel scales are computed; counted in inputs.
            case scaling
            /// The cost of tensors at each rate is measured; counted in tensors.
            case measuring
            /// The weights are read to determine gain types; counted in bytes.
            case scanning
        }

        /// The phase, which defines the unit.
        public let phase: Phase
        /// Work done, in the phase's unit.
        public let done: Int
        /// Total work of this phase.
        public let total: Int
        /// The name of the current tensor.
        public let item: String
    }

    /// Decides what is done with each tensor. Reads weights only for channel scales and chosen rates; coded tensors and aliases stay as they are.
    ///
    /// Equal tensors are coded twice: wrap a model that may have tied weights in an `AliasingSource` first.
    ///
    /// - Parameter progress: called on the caller's task; an error that it throws cancels the work.
    /// - Throws: `QAMError.unsupported` with `isStrict` for a selected tensor that cannot be coded, `invalidArgument` for an average rate that is out of reach
    ///   or a tensor that is missing from the statistics it requires, `malformed` for weights or statistics that are not finite, and errors from reading and
    ///   the checkpoint.
    public func plan(for source: any TensorSource, progress: (Progress) throws -> Void = { _ in }) async throws -> Plan {
        var builder = try PlanBuilder(self, source)
        try await builder.scale(progress)
        let rates = try await builder.chooseRates(progress)
        return try builder.plan(rates: rates)
    }
}
