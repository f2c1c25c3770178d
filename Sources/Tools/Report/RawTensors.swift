internal import Architectures
internal import Converters
internal import QAMFormat

/// The uncoded tensors of an output, with the reasons.
struct RawTensors {
    private struct Tensor {
        var name: String
        var reason: String
        var parameters: Int
    }

    private var tensors: [Tensor] = []

    mutating func add(_ tensor: TensorDescriptor, reason: String) {
        tensors.append(Tensor(name: tensor.name, reason: reason, parameters: tensor.elementCount))
    }

    var json: JSONValue {
        .array(tensors.map { ["name": .string($0.name), "reason": .string($0.reason), "parameters": JSONValue($0.parameters)] })
    }

    /// A table of reasons by descending weights. `parameters` are the whole model's.
    func table(parameters: Int) -> Table {
        var groups: [(reason: String, tensors: Int, parameters: Int)] = []
        var places: [String: Int] = [:]
        for tensor in tensors {
            let place = places[tensor.reason] ?? groups.count
            if place == groups.count {
                places[tensor.reason] = place
                groups.append((tensor.reason, 0, 0))
            }
            groups[place].tensors += 1
            groups[place].parameters += tensor.parameters
        }
        var table = Table([("RAW TENSORS", .left), ("COUNT", .right), ("WEIGHTS", .right), ("SHARE", .right)])
        for group in groups.sorted(by: { $0.parameters > $1.parameters }) {
            table.add(group.reason, Format.count(group.tensors), Format.count(group.parameters), Format.percent(group.parameters, of: parameters))
        }
        return table
    }
}
