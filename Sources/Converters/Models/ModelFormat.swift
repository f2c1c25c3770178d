/// The file formats of models.
package enum ModelFormat: String, CaseIterable, Sendable {
    case qamw
    case safetensors
    case gguf

    /// The format given by a file name's extension.
    package init?(nameOf path: String) {
        guard let format = Self.allCases.first(where: { path.hasSuffix(".\($0.rawValue)") }) else { return nil }
        self = format
    }

    /// The name for users.
    package var title: String {
        switch self {
        case .qamw: ".qamw"
        case .safetensors: "safetensors"
        case .gguf: "GGUF"
        }
    }
}
