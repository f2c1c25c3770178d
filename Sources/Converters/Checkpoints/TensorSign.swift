import Architectures
import QAMFormat

/// A pair of tensors, identified by names and types, that occurs only in checkpoints of some scheme: quantized numbers and their scales.
/// Neither suffices alone: unquantized models have integer tables, float8 matrices, and tensors named scales.
struct TensorSign {
    private let method: QuantizationScheme.Method
    /// The suffix of the quantized tensor's name; the rest is the stem.
    private let ending: String
    /// Its types; empty for any.
    private let types: Set<DType>
    /// Suffixes after the stem in the other tensor's name, any of which matches.
    private let beside: [String]
    /// A further condition on the two.
    private let condition: @Sendable (_ quantized: TensorDescriptor, _ other: TensorDescriptor) -> Bool

    private init(
        _ method: QuantizationScheme.Method, _ ending: String, _ types: Set<DType> = [], beside: [String],
        where condition: @escaping @Sendable (TensorDescriptor, TensorDescriptor) -> Bool = { _, _ in true }
    ) {
        self.method = method
        self.ending = ending
        self.types = types
        self.beside = beside
        self.condition = condition
    }

    /// The first matching row wins: specific names precede general ones.
    private static let all: [TensorSign] = [
        TensorSign(.bitsandbytes, "", beside: [".absmax"]),
        TensorSign(.bitsandbytes, ".weight", [.i8, .u8], beside: [".SCB", ".weight.SCB"]),
        TensorSign(.mxfp4, "_blocks", [.u8], beside: ["_scales"]),
        TensorSign(.mxfp4, ".blocks", [.u8], beside: [".scales"]),
        TensorSign(.nvfp4, "", packed, beside: ["_scale_2"]),
        TensorSign(.compressedTensors, "_packed", packed, beside: ["_scale", "_global_scale"]),
        TensorSign(.gptq, ".qweight", words, beside: [".g_idx"]),
        // GPTQ packs along the input, so that the columns are as many as those of the scales; AWQ packs the columns.
        TensorSign(.gptq, ".qweight", words, beside: [".scales"]) { $0.columns == $1.columns },
        TensorSign(.awq, ".qweight", words, beside: [".qzeros", ".scales"]),
        TensorSign(.other("SVDQuant"), ".qweight", beside: [".wscales"]),
        TensorSign(.mlx, ".weight", [.u32], beside: [".scales"]),
        TensorSign(.other("EXL2"), ".q_weight", beside: [".q_scale", ".q_groups", ".q_invperm"]),
        TensorSign(.other("EXL3"), ".trellis", integers, beside: [".suh", ".svh", ".su", ".sv"]),
        TensorSign(.other("AQLM"), ".codes", integers, beside: [".codebooks"]),
        TensorSign(.other("QuIP#"), ".Qidxs", integers, beside: [".SU", ".SV"]),
        TensorSign(.other("VPTQ"), ".indices", integers, beside: [".centroids", ".centroids.weight"]),
        TensorSign(.other("HQQ"), ".W_q", beside: [".scale", ".zero", ".meta"]),
        TensorSign(.other("quanto"), "._data", beside: ["._scale"]),
        TensorSign(.other("torchao"), "_qdata", beside: ["_scale"]),
        TensorSign(.fp8, ".weight", floats, beside: ofModules, where: isMatrix),
        TensorSign(.fp8, "", floats, beside: ofTensors, where: isMatrix),
        TensorSign(.int8, ".weight", [.i8], beside: ofModules, where: isMatrix),
        TensorSign(.int8, "", [.i8], beside: ofTensors, where: isMatrix),
        TensorSign(.other("packed integers"), ".weight", packed, beside: ofModules, where: isMatrix),
        TensorSign(.other("packed integers"), "", packed, beside: ofTensors, where: isMatrix),
    ]

    /// In GGUF, a factor beside a matrix belongs to it, as with NVFP4 and ternary weights.
    private static let gguf: [TensorSign] = [
        TensorSign(.nvfp4, ".weight", Set(DType.ggml.filter { $0.name == "NVFP4" }), beside: [".scale"]),
        TensorSign(.other("factors beside its matrices"), ".weight", beside: [".scale"]) { matrix, factor in
            // Some routers have one factor per expert.
            matrix.shape.count > 1 && factor.elementCount == 1
        },
    ]

    private static let words: Set<DType> = [.i32, .u32]
    private static let packed: Set<DType> = [.i8, .u8, .i16, .u16, .i32, .u32, .f4, .f6e2m3, .f6e3m2]
    private static let integers: Set<DType> = [.i8, .u8, .i16, .u16, .i32, .u32, .i64, .u64]
    private static let floats: Set<DType> = [.f8e4m3, .f8e5m2, .f8e4m3fnuz, .f8e5m2fnuz]
    /// Suffixes of scales after the name of the weight, and after the name of its module.
    private static let ofTensors = ["_scale_inv", "_scale", "_scales", ".scale", "._scale", "_weight_scale", "_scale_2", "_inv_scale"]
    private static let ofModules = [
        ".scale", ".scales", ".scale_weight", ".scale_inv", ".weight_scale", ".weight_scale_inv", ".weight_scales", ".qscale_weight",
    ]

    private static let isMatrix: @Sendable (TensorDescriptor, TensorDescriptor) -> Bool = { quantized, _ in
        quantized.shape.count > 1 && quantized.elementCount > 0
    }

    /// The scheme determined by the names and types of the tensors. O(tensors).
    static func scheme(of source: any TensorSource) -> QuantizationScheme? { scheme(among: source.tensors, isGGUF: ModelNames.of(source) == .gguf) }

    static func scheme(among tensors: [TensorDescriptor], isGGUF: Bool) -> QuantizationScheme? {
        // Of tensors with the same name the first is kept; readers reject such files.
        let byName = Dictionary(tensors.map { ($0.name, $0) }) { first, _ in first }
        for sign in isGGUF ? gguf : all {
            for tensor in tensors {
                guard let other = sign.companion(of: tensor, in: byName) else { continue }
                return QuantizationScheme(method: sign.method, evidence: "tensor \"\(tensor.name)\" has \"\(other.name)\" beside it")
            }
        }
        return nil
    }

    private func companion(of tensor: TensorDescriptor, in byName: [String: TensorDescriptor]) -> TensorDescriptor? {
        guard tensor.name.hasSuffix(ending) else { return nil }
        switch tensor.storage {
        case .raw(let dtype): guard types.isEmpty || types.contains(dtype) else { return nil }
        // Quantized data that was coded again unnoticed.
        case .coded(let coding): guard types.isEmpty || coding.sourceType.map(types.contains) == true else { return nil }
        case .alias, .unreadable: return nil
        }
        let stem = String(tensor.name.dropLast(ending.count))
        return beside.lazy.compactMap { byName[stem + $0] }.first { condition(tensor, $0) }
    }
}
