internal import Quantization
internal import Architectures
internal import Converters
internal import QAMFormat

/// Rates chosen per tensor, and their expected cost.
struct ChosenRates {
    private struct Choice {
        let tensor: String
        let point: RateCurve.Point
    }

    private let unit: RateMeasurement.Unit
    private let target: Double
    private var choices: [Choice] = []
    private var cost: Double { choices.reduce(0) { $0 + $1.point.cost } }

    /// Chooses rates for the measured tensors of a plan that minimise the cost, with at most `target` bits per weight over all coded
    /// tensors.
    ///
    /// - Throws: `QAMError.invalidArgument` if the lowest rates exceed the target.
    init(
        _ measured: RateMeasurement, for plan: inout QuantizationPlan, of source: any TensorSource, by calibration: CalibrationFile, target: Double
    ) throws {
        unit = measured.unit
        self.target = target
        let tensors = measured.curves.keys.sorted(), curves = tensors.compactMap { measured.curves[$0] }
        let weights = plan.choices.keys.reduce(0) { $0 + source.tensors[$1].elementCount }
        /// Sets the tensors' rates. Returns the resulting bits per weight of all.
        func apply(_ chosen: [Int]) throws -> Double {
            for (index, tensor) in tensors.enumerated() {
                guard let family = plan.choices[tensor]?.code.family else { continue }
                plan.choices[tensor]?.code = try Code(family, bits: curves[index].points[chosen[index]].bits)
            }
            let coded = try QuantizingSource(source, plan: plan, gainTypes: plan.choices.mapValues { _ in .float16 }, calibration: calibration)
            return ModelSize(coded).quantizedBitsPerWeight
        }
        let lowest = curves.map { _ in 0 }, least = try apply(lowest)
        guard least <= target else {
            throw QAMError(
                .invalidArgument,
                "\(target) bits per weight is too low: at their lowest rates the quantized tensors take \(Format.decimal(least, 3)) with all overhead")
        }
        // Shared data, such as codebooks, depend on the choice: reduce the payload budget until everything fits.
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
        choices = tensors.enumerated().map { Choice(tensor: source.tensors[$1].name, point: curves[$0].points[chosen[$0]]) }
    }

    /// The number of tensors at each rate, in ascending order.
    private var counts: [(bits: Double, count: Int)] {
        Set(choices.map(\.point.bits)).sorted().map { bits in (bits, choices.count { $0.point.bits == bits }) }
    }

    var summary: String {
        let list = counts.map { "\(Format.count($0.count)) x \(Format.decimal($0.bits, 1))" }.joined(separator: ", ")
        return "\(list); \(Self.words(unit)) \(Format.scientific(cost)) expected"
    }

    /// Every tensor and its rate.
    var lines: [String] {
        var table = Table([("TENSOR", .left), ("BITS", .right), (Self.words(unit).uppercased(), .right)])
        for choice in choices { table.add(choice.tensor, Format.decimal(choice.point.bits, 1), Format.scientific(choice.point.cost)) }
        return table.lines
    }

    var json: JSONValue {
        [
            "target": .number(target), "unit": .string(unit.rawValue), "expected": .number(cost),
            "tensors": .array(choices.map { ["name": .string($0.tensor), "bits": .number($0.point.bits), "expected": .number($0.point.cost)] }),
        ]
    }

    private static func words(_ unit: RateMeasurement.Unit) -> String {
        switch unit {
        case .divergence: "divergence in nats per token"
        case .outputError: "output error"
        }
    }
}
