import Quantization
import Architectures
import Converters
import QAMFormat
import Testing

@Suite struct CalibrateTests {
    private static func tensors(_ scratch: Scratch, _ name: String) throws -> [String: (shape: [Int], values: [Float])] {
        let source = try SafetensorsSource(path: scratch.path(name))
        return try Dictionary(
            uniqueKeysWithValues: source.tensors.indices.map { index in
                let tensor = source.tensors[index]
                #expect(tensor.storage == .raw(.f32))
                let bytes = try source.read(0..<tensor.byteCount, of: index).streams[0]
                return (tensor.name, (tensor.shape, try ElementConversion.floats(bytes, as: .f32)))
            })
    }

    @Test func writesWhatTheDocumentSays() throws {
        let test = try TestInference("qwen3"), scratch = test.scratch
        let words = ["calibrate", "m", "--tokens", "t.u16", "--context", "10", "--windows", "3", "-o", "s.safetensors", "--hessian", "--json"]
        let outcome = try Command.run(words, in: scratch)
        #expect(outcome.status == 0 && outcome.errors.isEmpty, "\(outcome.errors)")
        let json = try outcome.json
        #expect(json["output"]?.text == "s.safetensors" && json["tokens"]?.integer == 30 && json["inputs"]?.integer == 8)
        #expect(json["bytes"]?.integer == (try scratch.bytes("s.safetensors")).count && json["warnings"] == .array([]))

        let found = try Self.tensors(scratch, "s.safetensors")
        let widths = [
            "self_attn.q_proj": 48, "self_attn.k_proj": 48, "self_attn.v_proj": 48, "self_attn.o_proj": 96,
            "mlp.gate_proj": 48, "mlp.up_proj": 48, "mlp.down_proj": 80,
        ]
        #expect(found.count == 2 * (7 * 3 + 4))
        for layer in 0..<2 {
            for (matrix, width) in widths {
                let name = "model.layers.\(layer).\(matrix).weight"
                for ending in ["mean_square", "mean_absolute", "max_absolute"] {
                    #expect(found["\(name).\(ending)"]?.shape == [width])
                    #expect(try #require(found["\(name).\(ending)"]).values.allSatisfy { $0 > 0 && $0.isFinite })
                }
                let isFirst = ["self_attn.q_proj", "self_attn.o_proj", "mlp.gate_proj", "mlp.down_proj"].contains(matrix)
                #expect(found["\(name).second_moment"]?.shape == (isFirst ? [width, width] : nil))
            }
            let q = found["model.layers.\(layer).self_attn.q_proj.weight.mean_square"]?.values
            #expect(q == found["model.layers.\(layer).self_attn.v_proj.weight.mean_square"]?.values)
        }
        let metadata = try SafetensorsSource(path: scratch.path("s.safetensors")).metadata
        #expect(metadata["qamw.calibration.tokens"] == .string("30") && metadata["qamw.calibration.context"] == .string("10"))
        guard case .string(let text)? = metadata["qamw.calibration.inputs"] else { throw Command.Failure(description: "the metadata name no inputs") }
        let inputs = try JSONValue(parsing: Array(text.utf8), section: "inputs")
        #expect(inputs.elements.count == 8 && inputs.elements[2].elements.map(\.text) == ["gate", "up"].map { "model.layers.0.mlp.\($0)_proj.weight" })
    }

    /// Without Hessians the statistics are the same; the file does not depend on the number of threads.
    @Test func theFileDependsOnNothingElse() throws {
        let scratch = try TestInference("llama").scratch
        func calibrate(_ output: String, _ more: String...) throws -> Command.Outcome {
            try Command.run(["calibrate", "m", "--tokens", "t.u16", "--context", "8", "-o", output, "--quiet"] + more, in: scratch)
        }
        #expect(try calibrate("a", "--threads", "1").status == 0)
        #expect(try calibrate("b", "--threads", "3").status == 0)
        #expect(try scratch.bytes("a") == scratch.bytes("b"))
        #expect(try calibrate("h", "--hessian", "--threads", "1").status == 0)
        #expect(try calibrate("i", "--hessian", "--threads", "3").status == 0)
        #expect(try scratch.bytes("h") == scratch.bytes("i"))
        let plain = try Self.tensors(scratch, "a"), more = try Self.tensors(scratch, "h")
        #expect(plain.count == 45 && plain.allSatisfy { more[$0.key]?.values == $0.value.values })
        // A quantized model is evaluated with exact activations.
        #expect(try scratch.qamw("quantize", "--plain", "m", "m.qamw", "--bits", "6.5", "--quiet").status == 0)
        #expect(try scratch.qamw("calibrate", "m.qamw", "--tokens", "t.u16", "--context", "8", "-o", "q", "--quiet").status == 0)
        let name = "model.layers.1.mlp.down_proj.weight.mean_square"
        let quantized = try #require(try Self.tensors(scratch, "q")[name]?.values), original = try #require(plain[name]?.values)
        #expect(quantized != original)
        #expect(zip(quantized, original).allSatisfy { $0 > 0.3 * $1 && $0 < 3 * $1 })
    }

    /// E[g gT] of every matrix is added, and the statistics of the tied table; the other content is unchanged.
    @Test(arguments: ["model", "model.qamw", "model.gguf"])
    func fisherAddsTheMomentsOfOutputs(model: String) throws {
        let scratch = try Scratch()
        try scratch.write(TestInference.testdata("inference/wikilm-tiny.u16"), to: "t.u16")
        let folder = TestInference.path("wikilm-tiny")
        if model != "model" {
            let words = model == "model.qamw" ? ["quantize", "--plain", folder, model, "--bits", "6.5", "--quiet"] : ["convert", folder, model, "--quiet"]
            #expect(try Command.run(words, in: scratch).status == 0)
        }
        func calibrate(_ output: String, _ more: String...) throws -> Command.Outcome {
            let words = ["calibrate", model == "model" ? folder : model, "--tokens", "t.u16", "--context", "64", "--windows", "4", "-o", output, "--json"]
            return try Command.run(words + more, in: scratch)
        }
        let outcome = try calibrate("f", "--fisher", "--threads", "2")
        #expect(outcome.status == 0 && outcome.errors.isEmpty, "\(outcome.errors)")
        #expect(try outcome.json["tokens"]?.integer == 256)
        #expect(try calibrate("g", "--fisher", "--hessian", "--threads", "1").status == 0)
        #expect(try scratch.bytes("f") == scratch.bytes("g"))
        #expect(try calibrate("h", "--hessian").status == 0)

        let fisher = try Self.tensors(scratch, "f"), hessian = try Self.tensors(scratch, "h")
        #expect(hessian.allSatisfy { fisher[$0.key]?.values == $0.value.values })
        let weights = try SafetensorsSource(path: folder + "/model.safetensors").tensors
            .filter { $0.shape.count == 2 && $0.name.hasPrefix("model.layers.") }
        #expect(fisher.count == hessian.count + weights.count + 5)
        let names = try SafetensorsSource(path: scratch.path("f")).tensors.map(\.name)
        #expect(names.filter { $0.hasSuffix(".output_moment") }.count == weights.count && names.contains("model.embed_tokens.weight.token_weight"))
        let file = try CalibrationFile(StatisticsFile.open(scratch.path("f"))), plain = try CalibrationFile(StatisticsFile.open(scratch.path("h")))
        for weight in weights {
            let rows = weight.rows, found = try #require(fisher["\(weight.name).output_moment"])
            #expect(found.shape == [rows, rows])
            #expect((0..<rows).allSatisfy { found.values[$0 * rows + $0] > 0 } && found.values.allSatisfy(\.isFinite))
            #expect(file.hasOutputHessian(of: weight.name) && !plain.hasOutputHessian(of: weight.name))
            #expect(try file.outputHessian(of: weight.name, rows: 1..<3) == Array(found.values[rows..<3 * rows]))
        }
    }

    @Test func anOutputThatExistsIsKept() throws {
        let scratch = try TestInference("mistral").scratch
        try scratch.write("mine", to: "s")
        let words = ["calibrate", "m", "--tokens", "t.u16", "--context", "8", "-o", "s"]
        #expect(try Command.run(words, in: scratch).status == 73)
        #expect(try scratch.bytes("s") == Array("mine".utf8))
        #expect(try Command.run(words + ["--force"], in: scratch).status == 0)
        #expect(try scratch.bytes("s").count > 1000)
        // The output is never the input.
        let text = try scratch.bytes("t.u16")
        #expect(try scratch.qamw("calibrate", "m", "--tokens", "t.u16", "--context", "8", "-o", "t.u16", "--force").status == 73)
        #expect(try scratch.bytes("t.u16") == text)
        #expect(try scratch.names == ["m", "s", "t.u16"])
    }
}
