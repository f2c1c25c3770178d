/// The functions and classes that a plain state dict refers to. No other can be named, and none is ever run: the machine knows what each
/// would return.
enum PickleGlobal: Hashable, Sendable {
    case orderedDictionary
    /// `torch._utils._rebuild_tensor_v2` and `_v3`, which also has the type.
    case rebuildTensor
    /// `torch._utils._rebuild_parameter` and `_rebuild_parameter_with_state`.
    case rebuildParameter
    /// `torch._tensor._rebuild_from_type_v2`: a tensor with attributes of its own.
    case rebuildFromType
    /// A class of tensors: an argument of `rebuildFromType`.
    case tensorClass
    /// A storage class; nil for storages of bytes, whose tensors have the type.
    case storage(TorchType?)
    case type(TorchType)
    case size
    /// A function whose result is no tensor: its name for messages.
    case other(String)

    init?(module: String, name: String) {
        if let known = Self.known["\(module).\(name)"] {
            self = known
        } else if module == "torch", let type = TorchType(named: name) {
            self = .type(type)
        } else if module == "torch" || module == "torch.cuda", let type = TorchType(ofStorage: name) {
            self = .storage(type)
        } else {
            return nil
        }
    }

    private static let known: [String: PickleGlobal] = [
        "collections.OrderedDict": .orderedDictionary,
        "torch._utils._rebuild_tensor_v2": .rebuildTensor, "torch._utils._rebuild_tensor_v3": .rebuildTensor,
        "torch._utils._rebuild_parameter": .rebuildParameter, "torch._utils._rebuild_parameter_with_state": .rebuildParameter,
        "torch._tensor._rebuild_from_type_v2": .rebuildFromType,
        "torch.Tensor": .tensorClass, "torch.nn.parameter.Parameter": .tensorClass, "torch.nn.parameter.Buffer": .tensorClass,
        "torch.storage.UntypedStorage": .storage(nil), "torch.UntypedStorage": .storage(nil), "torch.storage._UntypedStorage": .storage(nil),
        "torch.Size": .size, "torch.device": .other("a device"), "_codecs.encode": .other("bytes"),
        "__builtin__.set": .other("a set"), "builtins.set": .other("a set"),
    ]
}
