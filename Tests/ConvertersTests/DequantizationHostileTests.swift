import Converters
import QAMFormat
import Testing

/// Quantized checkpoints that are incomplete, contradict themselves, or want what no rule covers: refused, with the tensor or the parameter.
@Suite struct DequantizationHostileTests {
    typealias Tensors = Quantized.Tensors

    private static func config(_ parameters: String) -> String { #"{"quantization_config": {\#(parameters)}}"# }
    private static let fp8 = config(#""quant_method": "fp8", "weight_block_size": [128, 128]"#)
    private static func groups(_ weights: String...) -> String {
        let groups = weights.enumerated().map { #""group_\#($0)": {"targets": ["Linear"], "weights": {\#($1)}}"# }.joined(separator: ", ")
        return config(#""quant_method": "compressed-tensors", "format": "mixed-precision", "config_groups": {\#(groups)}"#)
    }
    private static let int4 = #""num_bits": 4, "type": "int", "strategy": "group", "group_size": 32, "symmetric": true"#
    private static let modelOpt = config(#""quant_method": "modelopt", "quant_algo": "NVFP4""#)
    private static let nvfp4: Tensors = [("a.weight", [16, 16], .u8), ("a.weight_scale", [16, 2], .f8e4m3), ("a.weight_scale_2", [], .f32)]
    private static let mxfp4: Tensors = [("e.down_proj_blocks", [2, 6, 2, 16], .u8), ("e.down_proj_scales", [2, 6, 2], .u8)]

    struct Example: Sendable, CustomTestStringConvertible {
        var says: String
        var config: String?
        var tensors: Tensors
        var code: QAMError.Code

        init(_ says: String, _ config: String? = nil, _ tensors: Tensors, _ code: QAMError.Code = .malformed) {
            (self.says, self.config, self.tensors, self.code) = (says, config, tensors, code)
        }

        var testDescription: String { "\(says): \(tensors.map(\.name).joined(separator: " "))" }
    }

    private static let examples: [Example] = [
        // Tensors that are missing or too many.
        Example("no scale", fp8, Quantized.fp8 + [("b.weight", [16, 16], .f8e4m3)]),
        Example("\"b.weight_scale_inv\": the weight that it belongs to is missing", fp8, Quantized.fp8 + [("b.weight_scale_inv", [1, 1], .f32)]),
        Example("not quantized", fp8, Quantized.fp8 + [("b.weight", [16, 16], .bf16), ("b.weight_scale_inv", [1, 1], .f32)]),
        Example("\"a.weight_shape\"", nil, Quantized.packed.dropLast()),
        Example("\"a.weight_scale\"", groups(int4), [Quantized.packed[0], Quantized.packed[2]]),
        Example("\"a.weight_zero_point\"", groups(int4.replacing("true", with: "false")), Quantized.packed),
        Example("\"b.weight_scale\"", groups(int4), Quantized.packed + [("b.weight", [16, 16], .f8e4m3)]),
        Example("\"b.weight_g_idx\": the weight", groups(int4), Quantized.packed + [("b.weight_g_idx", [16], .i32)]),
        Example("\"a.weight_scale_2\"", modelOpt, Array(nvfp4.dropLast())),
        Example("\"a.weight_scale\"", modelOpt, [nvfp4[0], nvfp4[2]]),
        Example("\"e.down_proj_scales\"", config(#""quant_method": "mxfp4""#), [mxfp4[0]]),
        Example("\"f_scales\"", nil, mxfp4 + [("f_scales", [2, 6, 2], .u8)]),
        Example("stored twice", nil, Quantized.packed + [("a.weight", [4, 64], .bf16)]),
        // Shapes and types that do not fit.
        Example("does not fit scales of", fp8, [("a.weight", [256, 128], .f8e4m3), ("a.weight_scale_inv", [1, 1], .f32)]),
        Example("does not fit scales of", fp8, [("a.weight", [256, 128], .f8e4m3), ("a.weight_scale_inv", [], .f32)]),
        Example("does not fit scales of", nil, [("a.weight", [64, 32], .f8e4m3), ("a.weight_scale", [3, 5], .f32)]),
        Example("does not fit scales of", nil, [("a.weight", [64, 32], .f8e4m3), ("a.weight_scale", [0], .f32)]),
        Example("it is I64", nil, [("a.weight", [64, 32], .f8e4m3), ("a.weight_scale", [64, 1], .i64)]),
        Example("it is F32", modelOpt, [nvfp4[0], ("a.weight_scale", [16, 2], .f32), nvfp4[2]]),
        Example("does not fit scales of", modelOpt, [nvfp4[0], ("a.weight_scale", [16, 3], .f8e4m3), nvfp4[2]]),
        Example("does not fit scales of", modelOpt, [nvfp4[0], nvfp4[1], ("a.weight_scale_2", [2], .f32)]),
        Example("needs [2, 6, 2]", nil, [mxfp4[0], ("e.down_proj_scales", [2, 6, 3], .u8)]),
        Example("groups, 16]", nil, [("e.down_proj_blocks", [2, 6, 2, 8], .u8), mxfp4[1]]),
        Example("fit none of config_groups", groups(int4), [("a.weight_packed", [4, 9], .i32), Quantized.packed[1], Quantized.packed[2]]),
        Example("fit none of config_groups", groups(int4), [Quantized.packed[0], ("a.weight_scale", [4, 3], .bf16), Quantized.packed[2]]),
        Example("fit none of config_groups", groups(int4.replacing("4", with: "8")), Quantized.packed),
        Example("does not fit", groups(int4), [("a.weight_packed", [5, 8], .i32), ("a.weight_scale", [5, 2], .bf16), Quantized.packed[2]]),
        Example("needs [1, 2]", nil, Quantized.packed + [("a.weight_zero_point", [2, 2], .i32)]),
        Example("needs [64]", nil, Quantized.packed + [("a.weight_g_idx", [63], .i32)]),
        Example("has the group", nil, Quantized.packed + [("a.weight_g_idx", [64], .i32)]),
        Example("it has 65 elements", nil, Quantized.packed + [("a.weight_g_idx", [65], .i32)], .limitExceeded),
        Example("it is F32", nil, [Quantized.packed[0], Quantized.packed[1], ("a.weight_shape", [2], .f32)]),
        // What no rule covers.
        Example("several of config_groups", groups(int4, int4.replacing(", \"strategy\": \"group\"", with: "")), Quantized.packed, .unsupported),
        Example("format = \"marlin-24\"", config(#""quant_method": "compressed-tensors", "format": "marlin-24""#), Quantized.packed, .unsupported),
        Example(
            "sparsity_config says format", config(#""quant_method": "compressed-tensors", "sparsity_config": {"format": "sparse-bitmask"}"#), Quantized.packed,
            .unsupported),
        Example(
            "transform_config", config(#""quant_method": "compressed-tensors", "transform_config": {"config_groups": {"u": {}}}"#), Quantized.packed,
            .unsupported),
        Example("strategy = \"token\"", groups(int4.replacing("\"group\"", with: "\"token\"")), Quantized.packed, .unsupported),
        Example("num_bits = 16", groups(int4.replacing("4", with: "16")), Quantized.packed, .unsupported),
        Example("group_size = 1e+30", groups(int4.replacing("32", with: "1e30")), Quantized.packed, .unsupported),
        Example("weight_block_size", config(#""quant_method": "fp8", "weight_block_size": [128, 0]"#), Quantized.fp8, .unsupported),
        Example("weight_block_size", config(#""quant_method": "fp8", "weight_block_size": [128]"#), Quantized.fp8, .unsupported),
        Example("quant_algo = \"W4A8_AWQ\"", config(#""quant_method": "modelopt", "quant_algo": "W4A8_AWQ""#), nvfp4, .unsupported),
        Example(
            "quantized_layers.m says quant_algo = \"X\"",
            config(#""quant_method": "modelopt", "quant_algo": "MIXED_PRECISION", "quantized_layers": {"m": {"quant_algo": "X"}}"#), nvfp4, .unsupported),
        Example("\"a.pre_quant_scale\"", modelOpt, nvfp4 + [("a.pre_quant_scale", [32], .bf16)], .unsupported),
        Example(
            "such a mixture", fp8, Quantized.fp8 + [("b.qweight", [2, 16], .i32), ("b.qzeros", [1, 2], .i32), ("b.scales", [1, 16], .f16)], .unsupported),
        Example("such a mixture", fp8, Quantized.fp8 + mxfp4, .unsupported),
        Example("no tensor looks like it", fp8, [("a.weight", [64, 32], .bf16)], .unsupported),
        Example("already quantized with aqlm", config(#""quant_method": "aqlm""#), Quantized.fp8, .unsupported),
    ]

    @Test(arguments: examples) func whatDoesNotFitIsRefused(_ example: Example) throws {
        let error = try #require(try Quantized(example.config, example.tensors).error())
        #expect(error.code == example.code && "\(error)".contains(example.says), "\(error)")
        #expect(error.place.tensor != nil || error.code == .unsupported, "\(error)")
    }

    /// Shapes that a payload says.
    @Test(arguments: [[4, 65], [4, 0], [-4, 64], [4, .max], [.max, .max], [64], [3, 64], [0, 0]])
    func storedShapesAreChecked(_ shape: [Int]) throws {
        for config in [nil, Self.groups(Self.int4)] {
            var model = try Quantized(config, [Quantized.packed[0], Quantized.packed[1], ("a.weight_shape", [shape.count], .i64)])
            model.setShape(2, shape)
            #expect(try model.error()?.code == .malformed)
        }
    }

    /// Sizes that only a header says, near the end of Int.
    private static let huge: [Tensors] = {
        let big = 1 << 60
        let nvfp4: Tensors = [("a.weight", [1 << 40, 1 << 22], .u8), ("a.weight_scale", [1 << 40, 1 << 19], .f8e4m3), ("a.weight_scale_2", [], .f32)]
        let odd: Tensors = [("a.weight", [1, Int.max], .u8), ("a.weight_scale", [1, 2], .f8e4m3), ("a.weight_scale_2", [], .f32)]
        let groups: Tensors = [("e_blocks", [1, 1, big / 4, 16], .u8), ("e_scales", [1, 1, big / 4], .u8)]
        let outputs: Tensors = [("e_blocks", [1 << 30, 1 << 25, 1, 16], .u8), ("e_scales", [1 << 30, 1 << 25, 1], .u8)]
        let fp8: Tensors = [("a.weight", [1 << 31, 1 << 31], .f8e4m3), ("a.weight_scale", [], .f32)]
        let packed: Tensors = [("a.weight_packed", [big, 8], .i32), ("a.weight_scale", [big, 2], .bf16), ("a.weight_shape", [2], .i64)]
        return [nvfp4, odd, groups, outputs, fp8, packed]
    }()

    @Test(arguments: huge)
    func hugeSizesAreNoTrap(_ tensors: Tensors) throws {
        var source = MemorySource()
        for tensor in tensors {
            source.tensors.append(TensorDescriptor(name: tensor.name, shape: tensor.shape, storage: .raw(tensor.dtype)))
            source.payloads.append([[0, 0, 0, 16, 0, 0, 0, 0, 64, 0, 0, 0, 0, 0, 0, 0]])
        }
        let scheme = try #require(try QuantizationScheme.detect(in: source))
        #expect(throws: QAMError.self) { try DequantizedCheckpoint(source, scheme, advice: "") }
    }

    /// A file that was made of quantized values as if they were weights.
    @Test func codedValuesAreNoQuantizedValues() throws {
        var source = MemorySource()
        source.addCoded(
            "a.weight", [16, 64],
            Coding(
                codec: CodecID(rawValue: 1), sourceType: .f8e4m3, codebook: 0, seed: 0, parameters: [],
                streams: [StreamLayout(role: .symbols, extent: .perRow(8))]))
        source.add("a.weight_scale", [], .f32)
        let scheme = try #require(try QuantizationScheme.detect(in: source))
        #expect { try DequantizedCheckpoint(source, scheme, advice: "") } throws: { "\($0)".contains("\"a.weight\": its quantized values were coded") }
    }
}

extension String {
    fileprivate func replacing(_ text: String, with other: String) -> String {
        guard let start = indices.first(where: { self[$0...].hasPrefix(text) }) else { return self }
        return self[..<start] + other + self[index(start, offsetBy: text.count)...]
    }
}
