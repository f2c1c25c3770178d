/// The file formats of models that are read.
package enum ModelFormat: String, CaseIterable, Sendable {
    case qamw
    case safetensors
    case gguf
    case pytorch

    /// The name for users.
    package var title: String {
        switch self {
        case .qamw: ".qamw"
        case .safetensors: "safetensors"
        case .gguf: "GGUF"
        case .pytorch: "PyTorch"
        }
    }
}
