import Architectures
package import QAMFormat

/// The scheme by which another tool quantized a checkpoint: its tensors contain quantized numbers and scales, not weights.
///
/// Neither ggml's block types, whose tensors are self-contained, nor packed .qamw files count as such a scheme.
package struct QuantizationScheme: Hashable, Sendable {
    package enum Method: Hashable, Sendable {
        case fp8, int8, gptq, awq, bitsandbytes, mlx, mxfp4, nvfp4, compressedTensors, modelOpt
        /// With the checkpoint's name for it.
        case other(String)
    }

    package var method: Method
    /// Details given by the checkpoint: "4 bits, groups of 128", "float-quantized". Nil if there are none.
    package var format: String?
    /// Where the scheme was found, as a clause: "config.json says ...", "tensor ... has ... beside it".
    package var evidence: String
    /// What to remove if it is the only evidence, confirmed by no tensor.
    package var unconfirmed: String?
    /// What the configuration says about it; empty if only tensors show it.
    var parameters = QuantizationParameters()

    /// The scheme of a checkpoint; nil if, judging by configuration, tensor names and types, its tensors are weights. O(tensors); reads
    /// config.json and hf_quant_config.json among the source's files and `beside`.
    ///
    /// - Throws: what reading throws. A configuration that is not JSON is ignored.
    package static func detect(in source: any TensorSource, beside: [any EmbeddedFile] = []) throws -> QuantizationScheme? {
        let shown = TensorSign.scheme(of: source)
        // Files beside a GGUF describe the model that it was converted from.
        guard ModelNames.of(source) != .gguf, let stated = try QuantizationStatement(source.files + beside) else { return shown }
        return QuantizationScheme(
            method: stated.method ?? shown?.method ?? .other("a method without a name"), format: stated.format, evidence: stated.evidence,
            unconfirmed: shown == nil ? stated.place : nil, parameters: stated.parameters)
    }

    /// The side files that `detect` reads.
    package static let fileNames = [ModelConfig.name, QuantizationStatement.modelOptFile]

    /// The error for operations that need weights.
    package var refusal: QAMError {
        let exception = unconfirmed.map { "; no tensor looks like it: if they are plain weights, remove \($0)" } ?? ""
        return QAMError(
            .unsupported,
            "the checkpoint is already quantized with \(title), so its tensors are not plain weights: \(evidence); "
                + "take the original checkpoint in BF16 or F16, or dequantize this one with \(method.dequantizer) first\(exception)")
    }
}

extension QuantizationScheme.Method {
    /// The name for users.
    package var title: String {
        switch self {
        case .fp8: "FP8"
        case .int8: "INT8"
        case .gptq: "GPTQ"
        case .awq: "AWQ"
        case .bitsandbytes: "bitsandbytes"
        case .mlx: "MLX"
        case .mxfp4: "MXFP4"
        case .nvfp4: "NVFP4"
        case .compressedTensors: "compressed-tensors"
        case .modelOpt: "ModelOpt"
        case .other(let name): name
        }
    }

    /// The tool that dequantizes such a checkpoint.
    fileprivate var dequantizer: String {
        switch self {
        case .fp8: "transformers (FineGrainedFP8Config(dequantize=True))"
        case .mxfp4: "transformers (Mxfp4Config(dequantize=True))"
        case .bitsandbytes: "transformers (model.dequantize())"
        case .compressedTensors: "transformers (CompressedTensorsConfig(run_compressed=False))"
        case .mlx: "mlx_lm.convert --dequantize"
        case .int8, .gptq, .awq, .nvfp4, .modelOpt, .other: "the tool that made it"
        }
    }

    /// The method with this `quant_method`.
    init(named name: String) {
        switch name.lowercased() {
        case "fp8": self = .fp8
        case "gptq": self = .gptq
        case "awq": self = .awq
        case "bitsandbytes", "bitsandbytes_4bit", "bitsandbytes_8bit": self = .bitsandbytes
        case "mlx": self = .mlx
        case "mxfp4": self = .mxfp4
        case "nvfp4": self = .nvfp4
        case "compressed-tensors": self = .compressedTensors
        case "modelopt", "modelopt_fp4": self = .modelOpt
        default: self = .other(name)
        }
    }
}
