/// The rules that read the weights of each method. A new one is a file in Rules/ and a line here.
extension QuantizationScheme.Method {
    /// Nil for methods that are refused.
    var rule: (any DequantizationRule.Type)? {
        switch self {
        case .fp8: FP8Rule.self
        case .int8, .compressedTensors: CompressedTensorsRule.self
        case .modelOpt, .nvfp4: ModelOptRule.self
        case .mxfp4: MXFP4Rule.self
        case .gptq: GPTQRule.self
        case .awq: AWQRule.self
        case .bitsandbytes: BitsAndBytesRule.self
        case .mlx: MLXRule.self
        case .other: nil
        }
    }
}

extension QuantizationScheme {
    /// Whether the weights can be dequantized.
    package var isReadable: Bool { method.rule != nil }
    /// The method and its details.
    var title: String { method.title + (format.map { " (\($0))" } ?? "") }
}
