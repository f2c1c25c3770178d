package import QAMFormat

/// A file of calibration statistics: written by `calibrate`, or llama.cpp's imatrix in either form.
package enum StatisticsFile {
    /// Opens a file according to its content, not its name.
    ///
    /// - Throws: `QAMError.malformed` for other files, and what opening throws.
    package static func open(_ path: String) throws -> any TensorSource {
        do {
            return switch try FileKind.of(path: path) {
            case .gguf: try GGUFSource(path: path)
            case .unknown: try ImatrixFile(path: path)
            case .foreign(let name, _): throw QAMError(.malformed, "this is \(name), not a file of calibration statistics or an imatrix")
            case .folder: throw QAMError(.notFound, "this is a folder; calibration statistics are one file, which calibrate writes")
            case .qamw, .shardIndex, .pytorch: throw QAMError(.malformed, "this is a model, not a file of calibration statistics; calibrate makes one of it")
            default: try SafetensorsSource(path: path)
            }
        } catch let error as QAMError {
            throw error.inFile(path)
        }
    }
}
