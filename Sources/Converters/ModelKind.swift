import Architectures
package import QAMFormat

/// What the tensors of a file are, by its metadata and names.
package enum ModelKind: Hashable, Sendable {
    case model
    /// Calibration statistics, as `calibrate` writes them.
    case statistics
    /// llama.cpp's importance matrix.
    case imatrix
    /// llama.cpp's image or audio encoder.
    case projector
    /// A LoRA adapter in GGUF.
    case adapter

    private static let statisticsKey = "qamw.calibration.inputs"

    package static func of(_ source: any TensorSource) -> ModelKind {
        if source.metadata[statisticsKey] != nil { return .statistics }
        switch source.metadata["general.type"]?.string {
        case "imatrix"?: return .imatrix
        case "mmproj"?: return .projector
        case "adapter"?: return .adapter
        default: return source.metadata[ModelNames.architectureKey]?.string == "clip" ? .projector : .model
        }
    }

    /// The error for operations that need a model; nil for a model.
    package var refusal: QAMError? {
        switch self {
        case .model: nil
        case .statistics: QAMError(.unsupported, "these are calibration statistics, not a model: give them to quantize with --calibration")
        case .imatrix: QAMError(.unsupported, "this is an importance matrix (imatrix), not a model: give it to quantize with --calibration")
        case .projector: QAMError(.unsupported, "this is an image or audio encoder for llama.cpp (mmproj), not a language model: name the model's file")
        case .adapter: QAMError(.unsupported, "this is a LoRA adapter, not a model: name the model that it belongs to")
        }
    }
}
