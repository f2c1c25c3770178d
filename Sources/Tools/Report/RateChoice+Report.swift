internal import QAMFormat

internal import Architectures
internal import Quantization

/// Chosen rates, for people and scripts.
extension RateChoice {
    /// How many tensors have each rate, in ascending order.
    private var counts: [(bits: Double, count: Int)] {
        Set(tensors.map(\.bits)).sorted().map { bits in (bits, tensors.count { $0.bits == bits }) }
    }

    var summary: String {
        counts.map { "\(Format.count($0.count)) x \(Format.decimal($0.bits, 1))" }.joined(separator: ", ")
    }

    /// What their errors cost.
    var expectation: String { "\(Self.words(unit)) \(Format.scientific(cost)) to be expected" }

    /// Every tensor and its rate.
    var lines: [String] {
        var table = Table([("TENSOR", .left), ("BITS", .right), (Self.words(unit).uppercased(), .right)])
        for tensor in tensors { table.add(tensor.name, Format.decimal(tensor.bits, 1), Format.scientific(tensor.cost)) }
        return table.lines
    }

    var json: JSONValue {
        [
            "target": .number(target), "unit": .string(unit.rawValue), "expected": .number(cost),
            "tensors": .array(tensors.map { ["name": .string($0.name), "bits": .number($0.bits), "expected": .number($0.cost)] }),
        ]
    }

    static func words(_ unit: Unit) -> String {
        switch unit {
        case .divergence: "divergence in nats a token"
        case .outputError: "output error"
        }
    }
}
