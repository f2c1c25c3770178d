/// The file formats of models that are written.
package enum OutputFormat: String, CaseIterable, Sendable {
    case qamw
    case safetensors
    case gguf

    /// The format given by a file name's extension.
    package init?(nameOf path: String) {
        guard let format = Self.allCases.first(where: { path.hasSuffix(".\($0.rawValue)") }) else { return nil }
        self = format
    }
}
