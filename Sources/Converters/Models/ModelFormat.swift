/// The formats that models are read from and written in.
package enum ModelFormat: String, CaseIterable, Sendable {
    case qamw
    case safetensors
    case gguf

    /// The format that a file name ends in.
    package init?(nameOf path: String) {
        guard let format = Self.allCases.first(where: { path.hasSuffix(".\($0.rawValue)") }) else { return nil }
        self = format
    }

    /// The name that people give it.
    package var title: String {
        switch self {
        case .qamw: ".qamw"
        case .safetensors: "safetensors"
        case .gguf: "GGUF"
        }
    }
}
