internal import QAMFormat

/// The rates chosen for each tensor, and their expected cost.
public struct RateChoice: Hashable, Sendable {
    /// The unit of costs.
    public enum Unit: String, Hashable, Sendable {
        /// The expected KL divergence of the model's predictions, in nats per token: half of tr(G E H ET) for the Hessians G of the gradients at the
        /// outputs and H of the inputs.
        case divergence
        /// The expected squared error of the outputs.
        case outputError
    }

    /// The rate of one tensor.
    public struct Tensor: Hashable, Sendable {
        /// Its name in the source.
        public let name: String
        /// Bits per weight.
        public let bits: Double
        /// The expected cost of its error.
        public let cost: Double
    }

    /// The unit of `cost`.
    public let unit: Unit
    /// The requested size of the whole model, in bits per weight.
    public let target: Double
    /// In the source's order.
    public let tensors: [Tensor]
    /// The expected cost of all errors.
    public var cost: Double { tensors.reduce(0) { $0 + $1.cost } }

    /// Sets the rates of the measured tensors of a plan: the cheapest ones with which the model takes at most `limit` bytes.
    ///
    /// - Parameter size: the bytes of the model with the rates of an outline.
    /// - Throws: `QAMError.invalidArgument` if the model is larger even with the lowest rates.
    init(
        _ measured: RateMeasurement, for plan: inout QuantizationPlan, of source: any TensorSource, by calibration: CalibrationFile, limit: Int,
        size: (any TensorSource) throws -> Int
    ) throws {
        let measuredTensors = measured.curves.keys.sorted(), curves = measuredTensors.compactMap { measured.curves[$0] }
        /// Sets the tensors' rates. Returns the resulting size.
        func apply(_ chosen: [Int]) throws -> Int {
            for (index, tensor) in measuredTensors.enumerated() {
                guard let family = plan.choices[tensor]?.code.family else { continue }
                plan.choices[tensor]?.code = try Code(family, bits: curves[index].points[chosen[index]].bits)
            }
            return try size(QuantizingSource.outline(of: source, plan: plan, calibration: calibration))
        }
        let parameters = max(1, ModelSize(source).parameters)
        let chosen = try RateAllocation.choose(curves, limit: limit, parameters: parameters, size: apply)
        _ = try apply(chosen)
        unit = measured.unit
        target = 8 * Double(limit) / Double(parameters)
        tensors = measuredTensors.enumerated().map { index, tensor in
            let point = curves[index].points[chosen[index]]
            return Tensor(name: source.tensors[tensor].name, bits: point.bits, cost: point.cost)
        }
    }
}
