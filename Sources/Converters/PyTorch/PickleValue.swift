/// A value of the pickle machine. Containers are numbers of the machine's heap, so that values of any depth, also ones that contain
/// themselves, are copied and released in constant time.
enum PickleValue: Sendable {
    case none
    case bool(Bool)
    case integer(Int)
    case text(String)
    /// A value that no tensor needs: what it is, for messages.
    case other(String)
    case global(PickleGlobal)
    case tuple(Int)
    case list(Int)
    /// Keys and values alternate.
    case dictionary(Int)
    /// A number of the machine's list, as are tensors.
    case storage(Int)
    case tensor(Int)

    /// What it is, for messages.
    var kind: String {
        switch self {
        case .none: "None"
        case .bool: "a bool"
        case .integer: "an integer"
        case .text: "a text"
        case .other(let kind): kind
        case .global: "a function or class"
        case .tuple: "a tuple"
        case .list: "a list"
        case .dictionary: "a dict"
        case .storage: "a storage"
        case .tensor: "a tensor"
        }
    }
}

/// A reference to a storage: an entry of the archive.
struct TorchStorage: Hashable, Sendable {
    /// The last part of the entry's name.
    var key: String
    /// Nil for a storage of bytes.
    var type: TorchType?
    /// Elements of the type, or bytes.
    var count: Int
}

/// A tensor as the pickle describes it, with nothing checked against its storage.
struct TorchTensor: Sendable {
    var storage: TorchStorage
    var type: TorchType
    /// In elements.
    var offset: Int
    var shape: [Int]
    /// In elements, as many as dimensions.
    var strides: [Int]
}
