import QAMFormat

/// The names of scales in checkpoints whose weights are whole bytes.
enum ScaleNames {
    /// After the name of the module: nothing else has such names.
    private static let certain = [".weight_scale_inv", ".weight_scale", ".weight_scales", ".scale_weight", ".qscale_weight"]
    /// After the name of the module: of scales if the module's weight is quantized.
    private static let ofModules = certain + [".scale_inv", ".scale", ".scales"]
    /// After the name of the weight: of scales if the weight is quantized.
    private static let ofTensors = ["_scale_inv", "_scale", "_scales", "._scale", ".scale", "_weight_scale"]

    private static let unused = [
        ".input_scale", ".input_scale_inv", ".activation_scale", "_activation_scale", ".qscale_act", ".scale_input", ".output_scale", ".k_scale", ".v_scale",
        ".q_scale", ".kv_scale", ".prob_output_scale", "_input_scale", ".input_zero_point", ".output_zero_point",
    ]

    static func module(of weight: String) -> String { weight.dropping(suffix: ".weight") ?? weight }

    /// The names that the scale of a weight may have.
    static func scales(of weight: String) -> [String] {
        (weight.hasSuffix(".weight") ? ofModules.map { module(of: weight) + $0 } : []) + ofTensors.map { weight + $0 }
    }

    /// Whether a tensor holds the scales of a weight of one of these types, or can be nothing else. Throws `malformed` for a scale whose
    /// weight has another type.
    static func isScale(_ tensor: StoredTensor, ofTypes types: Set<DType>, in tensors: StoredTensors) throws -> Bool {
        func stems(_ suffixes: [String]) -> [String] { suffixes.compactMap(tensor.name.dropping) }
        let weights = (stems(ofModules).map { $0 + ".weight" } + stems(ofTensors)).compactMap { tensors[$0] }
        if weights.contains(where: { types.contains($0.dtype) }) { return true }
        guard !stems(certain).isEmpty else { return false }
        if let weight = weights.first {
            throw tensor.malformed("it scales \"\(weight.name)\", which is \(weight.dtype.name) and not quantized")
        }
        return true
    }

    /// Whether only the quantized model's runtime uses the tensor: scales of activations and of the key-value cache.
    static func isUnused(_ name: String) -> Bool { name == "scaled_fp8" || unused.contains { name.hasSuffix($0) } }
}

extension String {
    /// The text before a suffix; nil if it does not end so.
    func dropping(suffix: String) -> String? { hasSuffix(suffix) ? String(dropLast(suffix.count)) : nil }
}
