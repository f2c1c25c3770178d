import QAMFormat

/// How one scheme stores its weights.
protocol DequantizationRule: Sendable {
    /// Throws `unsupported`, naming the parameter, for a configuration that this rule does not cover.
    init(_ parameters: QuantizationParameters) throws

    /// What a stored tensor is, by its name, its type, and the tensors beside it.
    ///
    /// - Throws: `malformed` if a tensor that its weight needs is missing, or has a type or shape that does not fit; `unsupported`, naming the
    ///   parameter, for a weight that this rule does not cover.
    func part(_ tensor: StoredTensor, of tensors: StoredTensors) throws -> CheckpointPart
}

/// What a tensor of a quantized checkpoint is.
enum CheckpointPart {
    /// A tensor of the plain model, stored as it is.
    case plain
    /// The quantized values of a weight, which takes the tensor's place.
    case weight(any QuantizedWeight)
    /// Scales, zero points, shapes: used by a weight. Without one it is an error.
    case side
    /// What only the quantized model's runtime uses, such as scales of activations. Left out.
    case unused
}
