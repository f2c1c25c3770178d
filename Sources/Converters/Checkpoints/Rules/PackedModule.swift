import QAMFormat

/// The tensors of a module of GPTQ or AWQ: `qweight`, `qzeros`, `scales` and, of GPTQ, `g_idx`.
struct PackedModule {
    /// The name of the plain weight.
    let weight: String
    let words: StoredTensor
    let zeros: StoredTensor
    let scales: StoredTensor
    let groupIndex: StoredTensor?

    private static let words: Set<DType> = [.i32, .u32]
    /// Of what belongs to a module beside its words. Models have scales of their own, too.
    private static let sides = [".qzeros", ".g_idx", ".scales"]

    /// What a tensor is. `make` reads the weight of a module, whose tensors are matrices of words and of floating-point scales.
    static func part(_ tensor: StoredTensor, of tensors: StoredTensors, _ make: (PackedModule) throws -> any QuantizedWeight) throws -> CheckpointPart {
        if let module = tensor.name.dropping(suffix: ".qweight") { return .weight(try make(PackedModule(module, tensor, tensors))) }
        for suffix in sides {
            guard let module = tensor.name.dropping(suffix: suffix) else { continue }
            if tensors["\(module).qweight"] != nil || suffix == ".qzeros" || tensors["\(module).qzeros"] != nil { return .side }
        }
        return .plain
    }

    private init(_ module: String, _ words: StoredTensor, _ tensors: StoredTensors) throws {
        weight = "\(module).weight"
        self.words = words
        zeros = try tensors.require("\(module).qzeros", for: weight)
        scales = try tensors.require("\(module).scales", for: weight)
        groupIndex = tensors["\(module).g_idx"]
        try words.require(Self.words)
        try zeros.require(Self.words)
        try scales.require([.f32, .f16, .bf16])
        try groupIndex?.require([.i32, .i64])
        for tensor in [words, zeros, scales] where tensor.shape.count != 2 || tensor.elementCount == 0 {
            throw tensor.malformed("its shape is \(tensor.shape), but a matrix is expected")
        }
    }

    /// The inputs of a group if groups are consecutive: the stated size, if the groups of `scales` are as many; without one, an even share.
    func groupSize(_ stated: Int?, inputs: Int, groups: Int, place: String) throws -> Int {
        if let stated {
            guard (inputs - 1) / stated + 1 == groups else {
                throw scales.malformed("it has \(groups) groups, but \(place) says that \(stated) of the \(inputs) inputs are a group")
            }
            return stated
        }
        guard inputs % groups == 0 else {
            throw scales.malformed("the \(inputs) inputs of \"\(words.name)\" are not a multiple of its \(groups) groups")
        }
        return inputs / groups
    }
}
