/// What the known functions return, without running them.
extension PickleMachine {
    /// The limit for dimensions, as in safetensors.
    private static let maximumDimensions = 255

    mutating func reduce() throws {
        guard case .tuple(let number) = try pop() else { throw fault("a function's arguments are not a tuple") }
        guard case .global(let function) = try pop() else { throw fault("what is called is not a function") }
        try push(try result(of: function, heap[number]))
    }

    private mutating func result(of function: PickleGlobal, _ arguments: [PickleValue]) throws -> PickleValue {
        switch function {
        case .orderedDictionary:
            try pushContainer(try items(arguments), PickleValue.dictionary)
            return try pop()
        case .size:
            guard arguments.count == 1, case .tuple = arguments[0] else { throw fault("torch.Size is called with something other than a tuple") }
            return arguments[0]
        case .rebuildTensor:
            let tensor = try tensor(arguments)
            try count(8 + 2 * tensor.shape.count)
            tensors.append(tensor)
            return .tensor(tensors.count - 1)
        case .rebuildParameter:
            guard let tensor = arguments.first, case .tensor = tensor else { throw fault("a parameter holds no tensor") }
            return tensor
        case .rebuildFromType:
            guard arguments.count >= 3, case .global(let inner) = arguments[0], [.rebuildTensor, .rebuildParameter].contains(inner),
                case .global(.tensorClass) = arguments[1], case .tuple(let number) = arguments[2]
            else { throw unsupported("a tensor of a class of its own is not a plain tensor") }
            return try result(of: inner, heap[number])
        case .other(let kind): return .other(kind)
        case .tensorClass, .storage, .type: throw unsupported("a tensor or storage is made in a way that torch.save does not use")
        }
    }

    /// The items of an OrderedDict that is made of a list of pairs, as Python 2 does.
    private func items(_ arguments: [PickleValue]) throws -> [PickleValue] {
        guard let argument = arguments.first else { return [] }
        guard arguments.count == 1, case .list(let number) = argument else { throw fault("an OrderedDict is made of \(argument.kind)") }
        var items: [PickleValue] = []
        for pair in heap[number] {
            guard case .list(let pair) = pair, heap[pair].count == 2 else { throw fault("an item of an OrderedDict is not a pair") }
            items += heap[pair]
        }
        return items
    }

    /// Attributes of dictionaries (a state dict's versions of modules) do not matter.
    mutating func build() throws {
        _ = try pop()
        guard case .dictionary = try top() else { throw unsupported("attributes are set of \(try top().kind)") }
    }

    /// The storage of a persistent id: ("storage", class, key, device, elements).
    mutating func storage(_ id: PickleValue) throws -> PickleValue {
        guard case .tuple(let number) = id, heap[number].count >= 5, case .text("storage") = heap[number][0],
            case .global(.storage(let type)) = heap[number][1], case .text(let key) = heap[number][2], case .integer(let count) = heap[number][4], count >= 0
        else { throw fault("a reference to a storage does not say its class, key and size") }
        try self.count(4)
        storages.append(TorchStorage(key: key, type: type, count: count))
        return .storage(storages.count - 1)
    }

    /// Arguments: storage, offset, shape, strides, requires_grad, hooks; then for version 3 the type; then perhaps metadata.
    private func tensor(_ arguments: [PickleValue]) throws -> TorchTensor {
        guard arguments.count >= 6, case .storage(let storage) = arguments[0], case .integer(let offset) = arguments[1], offset >= 0 else {
            throw fault("a tensor has no storage and offset")
        }
        var rest = arguments.dropFirst(6)
        var type = storages[storage].type
        if case .global(.type(let given))? = rest.first {
            type = given
            rest = rest.dropFirst()
        }
        guard let type else { throw fault("a tensor's type is not given") }
        for value in rest {
            if case .dictionary(let number) = value, !heap[number].isEmpty {
                throw unsupported("a tensor is stored as the conjugate or the negative of another: save it after resolve_conj() and resolve_neg()")
            }
        }
        let shape = try counts(arguments[2]), strides = try counts(arguments[3])
        guard shape.count == strides.count else { throw fault("a tensor has \(shape.count) dimensions, but \(strides.count) strides") }
        return TorchTensor(storage: storages[storage], type: type, offset: offset, shape: shape, strides: strides)
    }

    private func counts(_ value: PickleValue) throws -> [Int] {
        guard case .tuple(let number) = value, heap[number].count <= Self.maximumDimensions else { throw fault("a shape or its strides are not a tuple") }
        return try heap[number].map { element in
            guard case .integer(let count) = element, count >= 0 else { throw fault("a dimension or stride is not a count") }
            return count
        }
    }
}
