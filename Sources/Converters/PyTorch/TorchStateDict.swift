internal import QAMFormat

/// The named tensors of a pickle: its dictionary from names to tensors, or that of a training checkpoint under one of the keys by which the
/// common tools store it. Everything else is left out, with a warning.
struct TorchStateDict {
    struct Item: Sendable {
        var name: String
        /// The number of the tensor in the machine's list.
        var tensor: Int
    }

    private(set) var items: [Item] = []
    private(set) var warnings: [String] = []

    /// Keys of nested state dicts: of Lightning and most training scripts, of fairseq and timm, of DeepSpeed.
    private static let nestingKeys = ["state_dict", "model", "module"]
    /// DeepSpeed within Lightning nests twice.
    private static let maximumNesting = 3

    /// Throws `unsupported` if there is no state dict, `malformed` for a name that is used twice.
    init(_ value: PickleValue, _ machine: PickleMachine) throws {
        guard case .dictionary(var number) = value else {
            throw Self.fault(.unsupported, "the file holds \(value.kind), not a dict of tensors: save model.state_dict()")
        }
        var path: [String] = []
        while let (key, inner) = Self.nested(in: machine.heap[number], machine), path.count < Self.maximumNesting {
            warnings += Self.left(machine.heap[number], except: key, machine)
            path.append(key)
            number = inner
        }
        if !path.isEmpty { warnings.insert("the tensors under \"\(path.joined(separator: "."))\" are the model", at: 0) }
        var names: Set<ExactName> = []
        for (key, value) in Self.pairs(machine.heap[number]) {
            guard case .text(let name) = key, case .tensor(let tensor) = value else { continue }
            guard !name.utf8.contains(0) else { throw Self.fault(.malformed, "a tensor's name holds a NUL", name) }
            guard names.insert(ExactName(name)).inserted else { throw Self.fault(.malformed, "two tensors have this name", name) }
            items.append(Item(name: name, tensor: tensor))
        }
        guard !items.isEmpty else {
            let pairs = Self.pairs(machine.heap[number])
            let keys = Format.list(pairs.compactMap { pair -> String? in if case .text(let key) = pair.key { "\"\(key)\"" } else { nil } }, first: 8)
            throw Self.fault(.unsupported, "the file holds no state dict\(keys.isEmpty ? "" : ", but \(keys)"): save model.state_dict()")
        }
        warnings += Self.left(machine.heap[number], except: nil, machine)
    }

    /// The state dict that a dictionary without tensors of its own has under one of the known keys.
    private static func nested(in items: [PickleValue], _ machine: PickleMachine) -> (key: String, number: Int)? {
        let pairs = pairs(items)
        guard !pairs.contains(where: { if case .tensor = $0.value { true } else { false } }) else { return nil }
        for key in nestingKeys {
            for pair in pairs {
                if case .text(key) = pair.key, case .dictionary(let number) = pair.value { return (key, number) }
            }
        }
        return nil
    }

    /// A warning about what is left out of a dictionary: everything but the value of a key, or but tensors.
    private static func left(_ items: [PickleValue], except taken: String?, _ machine: PickleMachine) -> [String] {
        let left = pairs(items).compactMap { key, value -> String? in
            guard case .text(let name) = key else { return "\(value.kind) under \(key.kind)" }
            if let taken { return name == taken ? nil : "\"\(name)\" (\(value.kind))" }
            if case .tensor = value { return nil }
            return "\"\(name)\" (\(value.kind))"
        }
        return left.isEmpty ? [] : ["left out of the file, because it is not part of the state dict: \(Format.list(left, first: 8))"]
    }

    private static func pairs(_ items: [PickleValue]) -> [(key: PickleValue, value: PickleValue)] {
        stride(from: 0, to: items.count - 1, by: 2).map { (items[$0], items[$0 + 1]) }
    }

    private static func fault(_ code: QAMError.Code, _ message: String, _ tensor: String? = nil) -> QAMError {
        QAMError(code, message, at: .init(section: PickleMachine.section, tensor: tensor))
    }
}
