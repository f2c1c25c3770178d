import Architectures
import Converters
import QAMFormat
import Testing

/// The checkpoints of testdata/checkpoints, compared with the results of their reference implementations.
@Suite struct DequantizationTests {
    private static let folder = #filePath.split(separator: "/").dropLast(3).map { "/" + $0 }.joined() + "/testdata/checkpoints"
    private static let names = ((try? Folder.names(in: folder)) ?? []).filter { (try? FileStatus("\(folder)/\($0)"))?.kind == .folder }.sorted()

    @Test func eachSchemeHasOne() {
        for scheme in ["fp8", "compressed", "modelopt", "mxfp4", "gptq", "awq", "bnb", "mlx"] {
            #expect(Self.names.contains { $0.hasPrefix(scheme) }, "\(scheme)")
        }
    }

    @Test(arguments: names) func weightsAreThoseOfTheReference(_ name: String) throws {
        let input = try ModelInput(path: "\(Self.folder)/\(name)", takingFiles: true)
        let plain = try input.weights().source
        let expected = try SafetensorsSource(path: "\(Self.folder)/\(name)/expected.safetensors")
        #expect(plain.tensors.map(\.name).sorted() == expected.tensors.map(\.name).sorted())
        for (index, tensor) in expected.tensors.enumerated() {
            let place = try #require(plain.tensors.firstIndex { $0.name == tensor.name })
            #expect(plain.tensors[place] == tensor)
            let whole = try payload(plain, place)
            let isEqual = try whole == payload(expected, index)
            #expect(isEqual, "\(tensor.name)")
            try Self.expectPieces(plain, place, whole[0])
        }
        #expect(plain.warnings.contains { $0.contains("already quantized") })
        #expect(plain.fingerprint != input.stored.fingerprint)
        // The description of the quantization is removed from the files; everything else is kept.
        let config = try #require(plain.files.first { $0.name == "config.json" })
        let text = String(decoding: try config.read(0..<config.byteCount), as: UTF8.self)
        #expect(!text.contains("quant") && text.contains("\"torch_dtype\""))
        #expect(!plain.files.contains { $0.name == "hf_quant_config.json" })
        #expect(try QuantizationScheme.detect(in: plain) == nil)
    }

    /// Reading in parts equals reading the whole, for any parts.
    private static func expectPieces(_ source: any TensorSource, _ tensor: Int, _ whole: [UInt8]) throws {
        let rowBytes = whole.count / max(1, source.tensors[tensor].rows), granule = source.granule(of: tensor)
        for step in [rowBytes, granule, 3 * rowBytes + 1, max(1, rowBytes / 2)] where step > 0 {
            var pieces: [UInt8] = []
            for start in stride(from: 0, to: whole.count, by: step) { pieces += try source.read(start..<min(start + step, whole.count), of: tensor).streams[0] }
            let isEqual = pieces == whole
            #expect(isEqual, "\(source.tensors[tensor].name) by \(step)")
        }
    }

    @Test(arguments: [("float32", DType.f32), ("float16", .f16), ("bfloat16", .bf16), ("float8_e4m3fn", .bf16)])
    func theTypeIsTheModels(_ name: String, _ dtype: DType) throws {
        let plain = try Quantized(#"{"torch_dtype": "\#(name)", "quantization_config": {"quant_method": "fp8"}}"#, Quantized.fp8).plain()
        #expect(plain.tensors.map(\.rawType) == [dtype])
        let nested = try Quantized(#"{"text_config": {"dtype": "\#(name)", "quantization_config": {"quant_method": "fp8"}}}"#, Quantized.fp8).plain()
        #expect(nested.tensors.map(\.rawType) == [dtype])
    }

    /// 448 * 1000 exceeds the range of F16.
    @Test func valuesThatBecomeInfiniteAreCounted() throws {
        var model = try Quantized(#"{"torch_dtype": "float16"}"#, Quantized.fp8)
        model.source.payloads[0] = [[UInt8](repeating: 0x7E, count: 64 * 32)]
        model.source.payloads[1] = [try ElementConversion.bytes([1000 as Float], as: .f32)]
        #expect(try model.plain().read(0..<64 * 32 * 2, of: 0).overflows == 64 * 32)
    }

    /// Tensors that are not quantized stay unchanged and in order; tensors that only the runtime uses are removed.
    @Test func plainTensorsStay() throws {
        let config = #"{"quantization_config": {"quant_method": "fp8", "modules_to_not_convert": ["visual", "lm_head"]}}"#
        var model = try Quantized(
            config,
            [
                ("norm.weight", [8], .bf16), ("a.weight_scale", [], .f32), ("visual.patch.weight", [4, 4], .f8e4m3), ("a.weight", [64, 32], .f8e4m3),
                ("a.input_scale", [], .f32), ("logit_scale", [], .f32), ("lm_head.weight", [4, 8], .bf16), ("flat", [8], .f8e5m2),
            ])
        model.source.addAlias("tied.weight", of: 6)
        model.source.addAlias("b.weight", of: 3)
        model.source.addAlias("b.weight_scale", of: 1)
        let plain = try model.plain()
        #expect(
            plain.tensors.map(\.name) == ["norm.weight", "visual.patch.weight", "a.weight", "logit_scale", "lm_head.weight", "flat", "tied.weight", "b.weight"])
        #expect(plain.tensors[6].storage == .alias(of: 4) && plain.tensors[7].storage == .raw(.bf16))
        #expect(try payload(plain, 7) == payload(plain, 2))
        for (tensor, origin) in [(0, 0), (1, 2), (3, 5), (5, 7)] { #expect(try payload(plain, tensor) == payload(model.source, origin)) }
    }

    /// With an index that assigns columns to groups (act-order), each column has the scale of its group.
    @Test func groupIndexesAreApplied() throws {
        var model = try Quantized(nil, Quantized.packed + [("a.weight_g_idx", [64], .i32)])
        model.setWords(3, (0..<64).map { UInt32($0 % 2) })
        let weights = try ElementConversion.floats(payload(model.plain(), 0)[0], as: .bf16)
        let scales = try ElementConversion.floats(model.source.payloads[1][0], as: .bf16)
        let words = model.source.payloads[0][0]
        for (column, weight) in weights[..<64].enumerated() {
            let nibble = Int(words[column / 2] >> (column % 2 * 4)) & 15
            let product = try ElementConversion.floats(ElementConversion.bytes([Float(nibble - 8) * scales[column % 2]], as: .bf16), as: .bf16)[0]
            #expect(weight == product || weight.isNaN)
        }
        // -1 throughout: groups consist of consecutive columns.
        model.setWords(3, [UInt32](repeating: .max, count: 64))
        var without = model
        without.source.tensors.removeLast()
        #expect(try payload(model.plain(), 0) == payload(without.plain(), 0))
    }
}
