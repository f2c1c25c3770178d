public import QAMFormat

/// A file of statistics of a model: what `calibrate` writes, or llama.cpp's imatrix in either of its forms.
public enum StatisticsFile {
    /// Opens a file by its content, not its name.
    ///
    /// - Throws: `QAMError.malformed` for what is none of these, and what opening throws.
    public static func open(_ path: String) throws -> any TensorSource {
        do {
            return switch try FileKind.of(path: path) {
            case .gguf: try GGUFSource(path: path)
            case .unknown: try ImatrixFile(path: path)
            default: try SafetensorsSource(path: path)
            }
        } catch let error as QAMError {
            throw error.inFile(path)
        }
    }
}
