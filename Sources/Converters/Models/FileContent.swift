import QAMFormat

/// What a file evidently is, to name it where a file of another kind is expected.
package enum FileContent {
    /// Such as "a GGUF model" or "a text file"; nil if nothing shows it. Reads headers only. Files of numbers have no signature, so a likely one counts
    /// only if the file is of its format.
    package static func title(of path: String) -> String? {
        do {
            guard try FileStatus(path)?.kind != .folder else { return "a folder" }
            switch try FileKind.of(path: path) {
            case .safetensors: return title(try SafetensorsSource(path: path), "a safetensors file")
            case .gguf: return title(try GGUFSource(path: path), "a GGUF file")
            case .qamw: return "a .qamw model"
            case .shardIndex: return "an index of shards"
            case .pytorch: return "a PyTorch file"
            case .folder, .foreign, .unknown: return try FileKind.isText(FileBytes(path: path), atLeast: path.hasSuffix(".txt") ? 1 : 64) ? "a text file" : nil
            }
        } catch {
            return nil
        }
    }

    private static func title(_ source: any TensorSource, _ file: String) -> String {
        switch ModelKind.of(source) {
        case .model: "\(file) of a model"
        case .statistics: "\(file) of calibration statistics"
        case .imatrix: "an importance matrix (imatrix)"
        case .projector: "an image or audio encoder (mmproj)"
        case .adapter: "a LoRA adapter"
        }
    }
}
