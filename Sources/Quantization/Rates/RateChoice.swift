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
    /// The requested average, in bits per weight.
    public let target: Double
    /// In the source's order.
    public let tensors: [Tensor]
    /// The expected cost of all errors.
    public var cost: Double { tensors.reduce(0) { $0 + $1.cost } }

    /// Sets the rates of the measured tensors of a plan: the cheapest ones with at most `target` bits per weight over all coded tensors.
    ///
    /// - Throws: `QAMError.invalidArgument` if the lowest rates exceed the target.
    init(
        _ measured: RateMeasurement, for plan: inout QuantizationPlan, of source: any TensorSource, by calibration: CalibrationFile, target: Double
    ) throws {
        let measuredTensors = measured.curves.keys.sorted(), curves = measuredTensors.compactMap { measured.curves[$0] }
        let weights = plan.choices.keys.reduce(0) { $0 + source.tensors[$1].elementCount }
        /// Sets the tensors' rates. Returns the resulting bits per weight of all coded tensors.
        func apply(_ chosen: [Int]) throws -> Double {
            for (index, tensor) in measuredTensors.enumerated() {
                guard let family = plan.choices[tensor]?.code.family else { continue }
                plan.choices[tensor]?.code = try Code(family, bits: curves[index].points[chosen[index]].bits)
            }
            return ModelSize(try QuantizingSource.outline(of: source, plan: plan, calibration: calibration)).quantizedBitsPerWeight
        }
        let lowest = curves.map { _ in 0 }, least = try apply(lowest)
        guard least <= target else {
            throw QAMError(
                .invalidArgument,
                "\(target) bits per weight is too low: at their lowest rates the quantized tensors take \(Format.decimal(least, 3)) with all overhead")
        }
        // Shared data such as codebooks depend on the choice: the budget for payloads shrinks until everything fits.
        var budget = Double(weights) * target, chosen = lowest
        while let next = RateAllocation.choose(curves, storedBits: Int(max(0, budget.rounded(.down)))) {
            let excess = (try apply(next) - target) * Double(weights)
            if excess <= 0 {
                chosen = next
                break
            }
            budget -= max(excess, 1)
        }
        _ = try apply(chosen)
        unit = measured.unit
        self.target = target
        tensors = measuredTensors.enumerated().map { index, tensor in
            let point = curves[index].points[chosen[index]]
            return Tensor(name: source.tensors[tensor].name, bits: point.bits, cost: point.cost)
        }
    }
}
