internal import Quantization
internal import Architectures
internal import Converters
internal import QAMFormat

/// Rates that were chosen tensor by tensor, and what they are expected to cost.
struct ChosenRates {
    private struct Choice {
        let tensor: String
        let point: RateCurve.Point
    }

    private let unit: RateMeasurement.Unit
    private let target: Double
    private var choices: [Choice] = []
    private var cost: Double { choices.reduce(0) { $0 + $1.point.cost } }

    /// Gives the measured tensors of a plan the rates with which all coded tensors take `target` bits a weight at most and cost least.
    ///
    /// - Throws: `QAMError.invalidArgument` where the lowest rates take more.
    init(
        _ measured: RateMeasurement, for plan: inout QuantizationPlan, of source: any TensorSource, by calibration: CalibrationFile, target: Double
    ) throws {
        unit = measured.unit
        self.target = target
        let tensors = measured.curves.keys.sorted(), curves = tensors.compactMap { measured.curves[$0] }
        let weights = plan.choices.keys.reduce(0) { $0 + source.tensors[$1].elementCount }
        /// Gives the tensors rates. Returns the bits a weight that all take then.
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
                "\(target) bits a weight cannot be had: at their lowest rates the quantized tensors take \(Format.decimal(least, 3)) with all overhead")
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
        choices = tensors.enumerated().map { Choice(tensor: source.tensors[$1].name, point: curves[$0].points[chosen[$0]]) }
    }

    /// How many tensors have each rate, in ascending order.
    private var counts: [(bits: Double, count: Int)] {
        Set(choices.map(\.point.bits)).sorted().map { bits in (bits, choices.count { $0.point.bits == bits }) }
    }

    var summary: String {
        let list = counts.map { "\(Format.count($0.count)) x \(Format.decimal($0.bits, 1))" }.joined(separator: ", ")
        return "\(list); \(Self.words(unit)) \(Format.scientific(cost)) to be expected"
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
        case .divergence: "divergence in nats a token"
        case .outputError: "output error"
        }
    }
}
