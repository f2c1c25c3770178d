public import QAMFormat

/// Quantizes a model: options and a source in, a plan, then a source of coded tensors out.
///
///     var options = Quantizer.Options()
///     options.rate = .bits(4.5)
///     let quantizer = try Quantizer(options)
///     let plan = try await quantizer.plan(for: model)
///     for warning in plan.warnings { print(warning) }
///     let coded = try await plan.codedSource()
///     let report = try await transfer(from: coded, to: QAMWriter(path: "model.qamw"), threads: options.threads)
///     print("\(plan.size.quantizedBitsPerWeight) bits a weight, NMSE \(report.totalDistortion?.normalized ?? 0)")
///
/// Nothing is written but by the sink, nothing is printed, and nothing is kept between calls. Errors are `QAMError`.
public struct Quantizer: Sendable {
    /// As they were given.
    public let options: Options
    let recipe: Recipe
    let statistics: CalibrationFile?
    let checkpoint: @Sendable () throws -> Void

    /// - Parameters:
    ///   - statistics: what is known of the inputs of the model's matrices and of the gradients at their outputs: feedback, channel scales and chosen
    ///     rates are made by it.
    ///   - checkpoint: called time and again, from any thread, while the quantizer plans and while its coded tensors are read; what it throws ends
    ///     that work. This is how it is cancelled.
    /// - Throws: `QAMError.invalidArgument` for options that make no sense, or that take statistics where there are none.
    public init(_ options: Options = Options(), statistics: CalibrationFile? = nil, checkpoint: @escaping @Sendable () throws -> Void = {}) throws {
        recipe = try options.checkedRecipe()
        if statistics == nil {
            if case .average = options.rate { throw QAMError(.invalidArgument, "rates are chosen by statistics, and none are given") }
            if let scaling = options.scaling, scaling != .off { throw QAMError(.invalidArgument, "channels are scaled by statistics, and none are given") }
        }
        self.options = options
        self.statistics = statistics
        self.checkpoint = checkpoint
    }

    /// How far a piece of work has come.
    public struct Progress: Sendable {
        /// What is at work.
        public enum Phase: String, Sendable {
            /// Channel scales are computed; counted in inputs.
            case scaling
            /// What tensors cost at each rate is measured; counted in tensors.
            case measuring
            /// The weights are read for the types of their gains; counted in bytes.
            case scanning
        }

        /// The phase, which says what is counted.
        public let phase: Phase
        /// In the phase's unit, as `total`.
        public let done: Int
        /// What there is to do in this phase.
        public let total: Int
        /// The name of the tensor that the work is at.
        public let item: String
    }

    /// Decides what becomes of each tensor. Reads weights only for channel scales and chosen rates; coded tensors and aliases stay as they are.
    ///
    /// Equal tensors are coded twice: where a model may have tied weights, wrap it in an `AliasingSource` before.
    ///
    /// - Parameter progress: told how far the work is, on the caller's task; what it throws ends the work.
    /// - Throws: `QAMError.unsupported` with `isStrict` for a tensor that is wanted and cannot be coded, `invalidArgument` for an average rate that
    ///   cannot be had or a tensor that the statistics for it do not know, `malformed` for weights or statistics that are not finite, and what reading
    ///   and the checkpoint throw.
    public func plan(for source: any TensorSource, progress: (Progress) throws -> Void = { _ in }) async throws -> Plan {
        var builder = try PlanBuilder(self, source)
        try await builder.scale(progress)
        let rates = try await builder.chooseRates(progress)
        return try builder.plan(rates: rates)
    }
}
