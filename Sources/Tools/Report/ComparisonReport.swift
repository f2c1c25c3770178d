internal import Architectures
internal import Converters
internal import QAMFormat

/// A comparison as JSON and as text.
extension Comparison {
    /// Whether any tensor exceeds the error limit, or cannot be compared.
    func exceeds(_ limit: Double) -> Bool {
        guard missing.isEmpty, extra.isEmpty else { return true }
        return tensors.contains { tensor in
            guard case .success(let difference) = tensor.result else { return true }
            return !(difference.nmse <= limit)
        }
    }

    /// The reason why a tensor of both models cannot be compared, other than its shape.
    var incomparable: QAMError? {
        tensors.lazy.compactMap { tensor in
            if case .failure(let error) = tensor.result, error.code == .unsupported { error } else { nil }
        }.first
    }

    /// `others` are the differences besides tensors, if compared.
    func json(_ others: MetadataComparison?, warnings: [String]) -> JSONValue {
        .object(
            [
                .init("tensors", .array(tensors.map(Self.json))),
                .init("total", ["nmse": .number(total.nmse), "cosine": .number(total.cosine), "maxAbs": .number(total.maxAbs)]),
                .init("missing", .array(missing.map(JSONValue.string))), .init("extra", .array(extra.map(JSONValue.string))),
            ] + (others?.members ?? []) + [.init("warnings", .array(warnings.map(JSONValue.string)))])
    }

    private static func json(_ tensor: Tensor) -> JSONValue {
        let shape = JSONValue.array(tensor.shape.map { JSONValue($0) })
        switch tensor.result {
        case .success(let difference):
            return [
                "name": .string(tensor.name), "shape": shape, "nmse": .number(difference.nmse), "cosine": .number(difference.cosine),
                "maxAbs": .number(difference.maxAbs),
            ]
        case .failure(let error):
            return ["name": .string(tensor.name), "shape": shape, "nmse": .null, "cosine": .null, "maxAbs": .null, "error": .string(error.message)]
        }
    }

    var text: String {
        var table = Table([("TENSOR", .left), ("SHAPE", .left), ("NMSE", .right), ("COSINE", .right), ("MAX ABS", .right), ("", .left)])
        let worst = worstIndex
        for (index, tensor) in tensors.enumerated() {
            let shape = Format.shape(tensor.shape)
            switch tensor.result {
            case .success(let difference):
                table.add(
                    tensor.name, shape, Format.scientific(difference.nmse), Format.decimal(difference.cosine, 6), Format.scientific(difference.maxAbs),
                    index == worst ? "<- worst" : "")
            case .failure(let error):
                table.add(tensor.name, shape, "", "", "", error.message)
            }
        }
        table.add("all", "", Format.scientific(total.nmse), Format.decimal(total.cosine, 6), Format.scientific(total.maxAbs), "")
        return (table.lines + names("missing", missing) + names("extra", extra)).joined(separator: "\n")
    }

    /// The tensor with the largest error, if there is any error.
    private var worstIndex: Int? {
        var worst: (index: Int, nmse: Double)?
        for (index, tensor) in tensors.enumerated() {
            guard case .success(let difference) = tensor.result, difference.nmse > worst?.nmse ?? 0 else { continue }
            worst = (index, difference.nmse)
        }
        return worst?.index
    }

    private func names(_ title: String, _ names: [String]) -> [String] {
        names.map { "  \(title): \(Format.printable($0))" }
    }
}
