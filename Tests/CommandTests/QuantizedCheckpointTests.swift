import Architectures
import Converters
import Foundation
import QAMFormat
import Testing

/// Checkpoints quantized by other tools: dequantized by a rule; without a rule, refused by name if weights are needed, and copied unchanged otherwise.
@Suite struct QuantizedCheckpointTests {
    typealias Scheme = (name: String, config: String?, tensors: [(name: String, shape: [Int], dtype: DType)])

    /// The tensors that an unsupported scheme adds to a llama, and the folder's config.json; nil for none.
    private static let refused: [Scheme] = [
        ("AQLM", nil, [("m.codes", [16, 2, 1], .i8), ("m.codebooks", [1, 256, 1, 8], .f16), ("m.scales", [16, 1, 1, 1], .f16)]),
        ("hqq", #"{"quant_method": "hqq"}"#, [("m.weight", [16, 32], .bf16)]),
    ]

    /// Supported schemes; each has a weight m.weight, or m.down_proj.
    private static let readable: [Scheme] = [
        ("FP8", nil, [("m.weight", [16, 32], .f8e4m3), ("m.weight_scale_inv", [1, 1], .f32)]),
        ("FP8", #"{"quant_method": "fp8", "weight_block_size": [128, 128]}"#, [("m.weight", [16, 32], .f8e4m3), ("m.weight_scale_inv", [1, 1], .f32)]),
        ("GPTQ", nil, [("m.qweight", [4, 16], .i32), ("m.qzeros", [1, 2], .i32), ("m.scales", [1, 16], .bf16)]),
        ("AWQ", nil, [("m.qweight", [32, 2], .i32), ("m.qzeros", [1, 2], .i32), ("m.scales", [1, 16], .bf16)]),
        ("bitsandbytes", nil, [("m.weight", [16, 32], .i8), ("m.SCB", [16], .f32)]),
        ("MLX", #"{"group_size": 32, "bits": 4}"#, [("m.weight", [16, 4], .u32), ("m.scales", [16, 1], .bf16), ("m.biases", [16, 1], .bf16)]),
        ("MXFP4", nil, [("m.down_proj_blocks", [2, 16, 1, 16], .u8), ("m.down_proj_scales", [2, 16, 1], .u8)]),
        ("NVFP4", nil, [("m.weight", [16, 16], .u8), ("m.weight_scale", [16, 2], .f8e4m3), ("m.weight_scale_2", [], .f32)]),
        ("compressed-tensors", nil, [("m.weight_packed", [16, 16], .u8), ("m.weight_scale", [16, 2], .f8e4m3), ("m.weight_global_scale", [1], .f32)]),
        ("ModelOpt", #"{"quant_method": "modelopt", "quant_algo": "FP8"}"#, [("m.weight", [16, 32], .f8e4m3), ("m.weight_scale", [], .f32)]),
    ]

    private static func scratch(_ scheme: Scheme) throws -> Scratch {
        let scratch = try Scratch()
        try FileManager.default.createDirectory(atPath: scratch.path("m"), withIntermediateDirectories: true)
        try scratch.write(try TestModel.llama().adding(scheme.tensors).safetensors, to: "m/model.safetensors")
        let quantization = scheme.config.map { #", "quantization_config": \#($0)"# } ?? ""
        try scratch.write(#"{"model_type": "llama"\#(quantization)}"#, to: "m/config.json")
        try scratch.write([UInt8](repeating: 1, count: 4096), to: "t.u16")
        return scratch
    }

    @Test(arguments: refused)
    func whatNeedsWeightsRefusesByName(_ scheme: Scheme) throws {
        let scratch = try Self.scratch(scheme)
        #expect(try scratch.qamw("convert", "m", "as-it-lies.qamw").status == 0)
        let before = try scratch.names
        // As a folder with its configuration, in one .qamw file, and as tensors alone if the folder has no configuration.
        for model in ["m", "as-it-lies.qamw", "m/model.safetensors"] {
            let commands = [
                ["quantize", "--plain", model, "o.qamw"], ["quantize", "--plain", model, "o.qamw", "--dry-run"],
                ["quantize", "--plain", model, "o.qamw", "--recipe", "all"],
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

    @Test(arguments: refused)
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
        // The order of tensors depends on the format.
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

    @Test(arguments: readable)
    func weightsAreDequantized(_ scheme: Scheme) throws {
        let scratch = try Self.scratch(scheme)
        let warning = "already quantized with \(scheme.name)"
        for arguments in [["--to", "safetensors"], ["--to", "safetensors", "--dtype", "f32"]] {
            let outcome = try Command.run(["convert", "m", "o\(arguments.count)/"] + arguments, in: scratch)
            #expect(outcome.status == 0 && outcome.errors.components(separatedBy: warning).count == 2, "\(outcome.errors)")
        }
        let weight = scheme.tensors[0].name.hasPrefix("m.down_proj") ? "m.down_proj" : "m.weight"
        let plain = try SafetensorsSource(path: scratch.path("o2/model.safetensors"))
        #expect(plain.tensors.filter { $0.name.hasPrefix("m.") }.map(\.name) == [weight])
        #expect(plain.tensors.first { $0.name == weight }?.storage == .raw(.bf16))
        #expect(try scratch.bytes("o2/config.json") == Array(#"{"model_type": "llama"}"#.utf8))
        // From a single file, with its configuration beside it, and through .qamw: the same weights everywhere.
        #expect(try scratch.qamw("convert", "m", "o.qamw").status == 0)
        for model in ["o2", "o4", "o.qamw", "m/model.safetensors"] {
            #expect(try scratch.qamw("compare", "m", model, "--max-nmse", "0").status == 0, "\(model)")
        }
        #expect(try scratch.qamw("inspect", "o.qamw", "--json").json["scheme"] == .null)
        let coded = try scratch.qamw("quantize", "--plain", "m", "q.qamw")
        #expect(coded.status == 0 && coded.errors.contains("\(warning)") && coded.errors.contains("a second time"), "\(coded.errors)")
        #expect(try scratch.qamw("quantize", "--plain", "o2", "plain.qamw").status == 0)
        #expect(try scratch.qamw("compare", "q.qamw", "plain.qamw", "--max-nmse", "0").status == 0)
    }

    @Test(arguments: readable)
    func whatIsStoredIsShownAndPacked(_ scheme: Scheme) throws {
        let scratch = try Self.scratch(scheme)
        #expect(try scratch.qamw("convert", "m", "packed.safetensors", "--packed").status == 0)
        for model in ["m", "packed.safetensors"] {
            #expect(try scratch.qamw("verify", model).status == 0)
            let inspected = try scratch.qamw("inspect", model, "--json").json
            #expect(inspected["scheme"]?["method"]?.text == scheme.name)
            let names = inspected["tensors"]?.elements.compactMap { $0["name"]?.text } ?? []
            #expect(names.contains { $0.contains(scheme.tensors[1].name) })
        }
        #expect(try scratch.qamw("checksum", "m/model.safetensors").status == 0)
        // Without its scale and without a configuration, the weight is a plain one.
        if scheme.config != nil, scheme.tensors[0].dtype == .f8e4m3 {
            try scratch.write(try TestModel.llama().adding(scheme.tensors.dropLast()).safetensors, to: "m/model.safetensors")
            let before = try scratch.names
            for command in [
                ["convert", "m", "x.gguf"], ["convert", "m", "x/", "--to", "safetensors"], ["quantize", "--plain", "m", "x.qamw"], ["compare", "m", "m"],
            ] {
                let outcome = try Command.run(command, in: scratch)
                #expect(outcome.status == 65 && outcome.errors.contains("tensor \"m.weight\": it is F8_E4M3 and has no"), "\(command): \(outcome.errors)")
            }
            #expect(try scratch.names == before)
        }
    }

    /// quantize_config.json and quant_config.json say again what config.json says of the quantization.
    @Test(arguments: readable.prefix(1)) func filesOfTheQuantizationStay(_ scheme: Scheme) throws {
        let scratch = try Self.scratch(scheme), names = ["quantize_config.json", "quant_config.json", "hf_quant_config.json"]
        for name in names { try scratch.write(#"{"bits": 4}"#, to: "m/\(name)") }
        for (output, arguments) in [("o/", ["--to", "safetensors"]), ("q.qamw", [])] {
            let outcome = try Command.run(["convert", "m", output] + arguments, in: scratch)
            #expect(outcome.status == 0, "\(outcome.errors)")
        }
        #expect(try scratch.qamw("convert", "q.qamw", "back/").status == 0)
        for folder in ["o", "back"] {
            #expect(scratch.exists("\(folder)/config.json"))
            for name in names { #expect(!scratch.exists("\(folder)/\(name)"), "\(folder)/\(name)") }
        }
    }

    @Test func modelOptsOwnFileSpeaksForTheFolder() throws {
        let scratch = try Self.scratch(("", nil, []))
        try scratch.write(#"{"producer": {"name": "modelopt"}, "quantization": {"quant_algo": "FP8"}}"#, to: "m/hf_quant_config.json")
        let outcome = try scratch.qamw("quantize", "--plain", "m", "o.qamw")
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
        #expect(try scratch.qamw("quantize", "--plain", "m", "o.qamw").status == 0)
        #expect(try scratch.qamw("convert", "m", "o.safetensors", "--dtype", "f32").status == 0)
        #expect(try scratch.qamw("inspect", "m", "--json").json["scheme"] == .null)
        #expect(try scratch.qamw("compare", "m", "o.safetensors", "--max-nmse", "0").status == 0)
    }
}

extension TestModel {
    /// The model with additional tensors, whose bytes are all 0x38.
    fileprivate func adding(_ more: some Sequence<(name: String, shape: [Int], dtype: DType)>) -> TestModel {
        var model = self
        for tensor in more {
            let count = tensor.shape.reduce(1, *) * tensor.dtype.blockBytes
            model.tensors.append(Tensor(name: tensor.name, shape: tensor.shape, dtype: tensor.dtype, bytes: [UInt8](repeating: 0x38, count: count)))
        }
        return model
    }
}
