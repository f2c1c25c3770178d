internal import QAMFormat

/// Rates that were chosen tensor by tensor, and what they are expected to cost.
public struct RateChoice: Hashable, Sendable {
    /// What costs are.
    public enum Unit: String, Hashable, Sendable {
        /// The expected divergence of the model's predictions, in nats a token: half of tr(G E H ET) for the second moments G of the gradients at the
        /// outputs and H of the inputs.
        case divergence
        /// The expected squared error of the outputs.
        case outputError
    }

    /// The rate of one tensor.
    public struct Tensor: Hashable, Sendable {
        /// Its name in the source.
        public let name: String
        /// Bits a weight.
        public let bits: Double
        /// What its error is expected to cost.
        public let cost: Double
    }

    /// What `cost` counts.
    public let unit: Unit
    /// The bits a weight that were asked for on average.
    public let target: Double
    /// In the source's order.
    public let tensors: [Tensor]
    /// What all errors are expected to cost.
    public var cost: Double { tensors.reduce(0) { $0 + $1.cost } }

    /// Gives the measured tensors of a plan the rates with which all coded tensors take `target` bits a weight at most and cost least.
    ///
    /// - Throws: `QAMError.invalidArgument` where the lowest rates take more.
    init(
        _ measured: RateMeasurement, for plan: inout QuantizationPlan, of source: any TensorSource, by calibration: CalibrationFile, target: Double
    ) throws {
        let measuredTensors = measured.curves.keys.sorted(), curves = measuredTensors.compactMap { measured.curves[$0] }
        let weights = plan.choices.keys.reduce(0) { $0 + source.tensors[$1].elementCount }
        /// Gives the tensors rates. Returns the bits a weight that all take then.
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
        // What tensors share, such as codebooks, depends on the choice: until all of it fits, there is less for their own payloads.
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
