import Architectures
import Converters
import Foundation
import QAMFormat
import Testing

/// Checkpoints that other tools have quantized: refused by name where weights are needed, copied and looked at as they lie.
@Suite struct QuantizedCheckpointTests {
    private typealias Tensor = TestModel.Tensor

    typealias Scheme = (name: String, config: String?, tensors: [(name: String, shape: [Int], dtype: DType)])

    /// What a scheme adds to a llama, and what the folder's config.json says of it; nil for nothing.
    private static let schemes: [Scheme] = [
        ("FP8", nil, [("m.weight", [16, 32], .f8e4m3), ("m.weight_scale_inv", [1, 1], .f32)]),
        ("FP8", #"{"quant_method": "fp8", "weight_block_size": [128, 128]}"#, [("m.weight", [16, 32], .f8e4m3), ("m.weight_scale_inv", [1, 1], .f32)]),
        ("GPTQ", nil, [("m.qweight", [4, 16], .i32), ("m.qzeros", [1, 2], .i32), ("m.scales", [64, 64], .f16), ("m.g_idx", [32], .i32)]),
        ("AWQ", nil, [("m.qweight", [32, 8], .i32), ("m.qzeros", [1, 2], .i32), ("m.scales", [64, 64], .f16)]),
        ("bitsandbytes", nil, [("m.weight", [256, 1], .u8), ("m.weight.absmax", [8], .u8), ("m.weight.quant_map", [16], .f32)]),
        ("MLX", nil, [("m.weight", [64, 4], .u32), ("m.scales", [64, 64], .bf16), ("m.biases", [64, 64], .bf16)]),
        ("MXFP4", nil, [("m.down_proj_blocks", [2, 16, 1, 16], .u8), ("m.down_proj_scales", [2, 16, 1], .u8)]),
        ("NVFP4", nil, [("m.weight", [16, 16], .u8), ("m.weight_scale", [16, 2], .f8e4m3), ("m.weight_scale_2", [], .f32)]),
        ("compressed-tensors", nil, [("m.weight_packed", [16, 4], .i32), ("m.weight_scale", [64, 64], .bf16), ("m.weight_shape", [2], .i64)]),
        ("ModelOpt", #"{"quant_method": "modelopt", "quant_algo": "FP8"}"#, [("m.weight", [16, 32], .f8e4m3), ("m.weight_scale", [], .f32)]),
        ("hqq", #"{"quant_method": "hqq"}"#, [("m.weight", [16, 32], .bf16)]),
    ]

    private static func scratch(_ scheme: Scheme) throws -> Scratch {
        let scratch = try Scratch()
        try FileManager.default.createDirectory(atPath: scratch.path("m"), withIntermediateDirectories: true)
        var model = try TestModel.llama()
        for tensor in scheme.tensors {
            let count = tensor.shape.reduce(1, *) * tensor.dtype.blockBytes
            model.tensors.append(Tensor(name: tensor.name, shape: tensor.shape, dtype: tensor.dtype, bytes: [UInt8](repeating: 0x38, count: count)))
        }
        try scratch.write(model.safetensors, to: "m/model.safetensors")
        let quantization = scheme.config.map { #", "quantization_config": \#($0)"# } ?? ""
        try scratch.write(#"{"model_type": "llama"\#(quantization)}"#, to: "m/config.json")
        try scratch.write([UInt8](repeating: 1, count: 4096), to: "t.u16")
        return scratch
    }

    @Test(arguments: schemes)
    func whatNeedsWeightsRefusesByName(_ scheme: Scheme) throws {
        let scratch = try Self.scratch(scheme)
        #expect(try scratch.qamw("convert", "m", "as-it-lies.qamw").status == 0)
        let before = try scratch.names
        // Config and all as a folder, in one file of ours, and by tensors alone where the folder says nothing.
        for model in ["m", "as-it-lies.qamw", "m/model.safetensors"] {
            let commands = [
                ["quantize", model, "o.qamw"], ["quantize", model, "o.qamw", "--dry-run"], ["quantize", model, "o.qamw", "--recipe", "all"],
                ["convert", model, "o.qamw", "--dtype", "f16"], ["convert", model, "o.safetensors", "--dtype", "f32"],
                ["convert", model, "o/", "--to", "safetensors", "--dtype", "bf16"],
                ["convert", model, "o.gguf"], ["convert", model, "o.gguf", "--names", "keep"], ["convert", model, "o.gguf", "--dtype", "q8_0"],
                ["convert", model, "o.qamw", "--names", "gguf"],
                ["compare", model, model], ["eval", model, "--tokens", "t.u16"],
                ["generate", model, "--tokens", "t.u16"], ["calibrate", model, "--tokens", "t.u16", "-o", "o.safetensors"],
            ]
            for command in commands {
                let outcome = try Command.run(command, in: scratch)
                #expect(outcome.status == 65, "\(command): \(outcome.errors)")
                #expect(outcome.errors.contains("\(model): the checkpoint is already quantized with \(scheme.name)"), "\(command): \(outcome.errors)")
                #expect(outcome.errors.contains("dequantize") && outcome.output.isEmpty)
            }
        }
        #expect(try scratch.names == before)
    }

    @Test(arguments: schemes)
    func whatOnlyCopiesOrLooksGoesOn(_ scheme: Scheme) throws {
        let scratch = try Self.scratch(scheme)
        let config = try scratch.bytes("m/config.json")
        for (input, output) in [("m", "copy/"), ("m", "m.qamw"), ("m.qamw", "back/"), ("m.qamw", "again.qamw"), ("m/model.safetensors", "one.safetensors")] {
            let outcome = try Command.run(["convert", input, output] + (output == "copy/" ? ["--to", "safetensors"] : []), in: scratch)
            #expect(outcome.status == 0, "\(output): \(outcome.errors)")
        }
        #expect(try scratch.qamw("convert", "m.qamw", "packed.safetensors", "--packed").status == 0)
        #expect(try scratch.qamw("convert", "packed.safetensors", "unpacked.qamw").status == 0)
        #expect(try scratch.bytes("unpacked.qamw") == scratch.bytes("m.qamw"))
        #expect(try scratch.bytes("again.qamw") == scratch.bytes("m.qamw"))
        for folder in ["copy", "back"] { #expect(try scratch.bytes("\(folder)/config.json") == config) }
        // The order of tensors is the format's own.
        func payloads(_ file: String) throws -> [TensorDescriptor: [[UInt8]]] {
            let source = try SafetensorsSource(path: scratch.path(file))
            return Dictionary(uniqueKeysWithValues: try source.tensors.enumerated().map { ($1, try source.read(0..<$1.byteCount, of: $0).streams) })
        }
        let original = try payloads("m/model.safetensors")
        for file in ["copy/model.safetensors", "back/model.safetensors", "one.safetensors"] {
            let isEqual = try payloads(file) == original
            #expect(isEqual, "\(file)")
        }
        for model in ["m", "m.qamw", "packed.safetensors"] {
            #expect(try scratch.qamw("verify", model).status == 0)
            let json = try scratch.qamw("inspect", model, "--json").json
            #expect(json["scheme"]?["method"]?.text == scheme.name)
            #expect(try scratch.qamw("inspect", model).output.contains(scheme.name))
        }
        #expect(try scratch.qamw("metadata", "m/model.safetensors", "--set", "a=string:b").status == 0)
        #expect(try scratch.qamw("checksum", "m/model.safetensors").status == 0)
    }

    @Test func modelOptsOwnFileSpeaksForTheFolder() throws {
        let scratch = try Self.scratch(("", nil, []))
        try scratch.write(#"{"producer": {"name": "modelopt"}, "quantization": {"quant_algo": "FP8"}}"#, to: "m/hf_quant_config.json")
        let outcome = try scratch.qamw("quantize", "m", "o.qamw")
        #expect(outcome.status == 65)
        #expect(outcome.errors.contains("ModelOpt (FP8)") && outcome.errors.contains("remove hf_quant_config.json"))
    }

    @Test func theReferenceOfAnEvaluationIsLookedAtToo() throws {
        let test = try TestInference("llama"), scratch = test.scratch
        try FileManager.default.copyItem(atPath: scratch.path("m"), toPath: scratch.path("plain"))
        try test.configure(["quantization_config": ["quant_method": "awq"]])
        let outcome = try scratch.qamw("eval", "plain", "--reference", "m", "--tokens", "t.u16", "--context", "40")
        #expect(outcome.status == 65)
        #expect(outcome.errors.contains("AWQ") && outcome.errors.contains("no tensor looks like it"))
    }

    @Test(arguments: ["null", "{}"]) func aConfigurationOfNothingIsNone(_ value: String) throws {
        let scratch = try Self.scratch(("", value, [("m.plain", [64, 64], .f8e4m3)]))
        #expect(try scratch.qamw("quantize", "m", "o.qamw").status == 0)
        #expect(try scratch.qamw("convert", "m", "o.safetensors", "--dtype", "f32").status == 0)
        #expect(try scratch.qamw("inspect", "m", "--json").json["scheme"] == .null)
        #expect(try scratch.qamw("compare", "m", "o.safetensors", "--max-nmse", "0").status == 0)
    }
}
