import Architectures
import Converters
import Foundation
import QAMFormat
import Testing

@Suite struct QuantizeTests {
    /// A folder with `model.safetensors` of the test model, and side files.
    static func scratch() throws -> Scratch {
        let scratch = try Scratch()
        try scratch.write(try TestModel.llama().safetensors, to: "model.safetensors")
        try scratch.write("{\"model_type\":\"llama\"}", to: "config.json")
        return scratch
    }

    /// Tensors that are already coded may have any codebook, even one that the report has no figures for.
    @Test func keptCodesDoNotFailTheReport() throws {
        let vectors = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "testdata/vectors/valid")
        for name in ["octant-block-01", "free-04", "codec-unknown", "codec-book-family"] {
            for arguments in [["--recipe", "all"], ["--json"], ["--dry-run"]] {
                let scratch = try Scratch()
                let outcome = try Command.run(["quantize", "--plain", vectors.appending(path: "\(name).qamw").path, "o.qamw"] + arguments, in: scratch)
                #expect(outcome.status == 0, "\(name): \(outcome.errors)")
                #expect(arguments == ["--dry-run"] || scratch.exists("o.qamw"))
            }
        }
    }

    @Test(.timeLimit(.minutes(5))) func patternsDoNotRunAway() throws {
        let scratch = try Scratch()
        let model = TestModel(tensors: [try .weights(String(repeating: "a", count: 64) + "b.weight", 16, 16)])
        try scratch.write(model.safetensors, to: "m.safetensors")
        let outcome = try scratch.qamw("quantize", "--plain", "m.safetensors", "o.qamw", "--include", "(a+)+$", "--exclude", "(a|a)*$", "--json")
        #expect(outcome.status == 0)
        #expect(try outcome.json["warnings"]?.elements.contains { $0.text?.contains("(a+)+$") == true } == true)
    }

    @Test func reportsWhatTheContractSays() throws {
        let scratch = try Self.scratch()
        let outcome = try scratch.qamw("quantize", "--plain", ".", "out.qamw", "--json")
        #expect(outcome.status == 0)
        #expect(outcome.errors.isEmpty)
        let json = try outcome.json
        #expect(json["output"]?.text == "out.qamw")
        #expect(json["bytes"]?.integer == (try scratch.bytes("out.qamw")).count)
        #expect(json["tensors"] == ["quantized": JSONValue(14), "raw": JSONValue(5), "aliased": JSONValue(0)])
        let nmse = try #require(json["nmse"]?.double)
        #expect(nmse > 5e-4 && nmse < 2e-3)
        #expect(try #require(json["seconds"]?.double) > 0)
        #expect(try #require(json["peakMemoryBytes"]?.integer) > 1 << 20)
        #expect(json["warnings"] == .array([]))
        let raw = try #require(json["raw"]).elements
        #expect(raw.count == 5)
        let reasons = Dictionary(uniqueKeysWithValues: raw.map { ($0["name"]?.text ?? "", $0["reason"]?.text ?? "") })
        #expect(reasons["model.embed_tokens.weight"] == "embedding without a Hessian (recipe model)")
        #expect(reasons["lm_head.weight"] == "output head without a Hessian (recipe model)")
        #expect(raw[0]["parameters"]?.integer == 6400)

        let quantized = try #require(json["quantized"])
        #expect(quantized["parameters"]?.integer == 2 * (4 * 64 * 64 + 3 * 128 * 64))
        let bytes = try #require(quantized["bytes"]?.integer), overhead = try #require(quantized["overheadBytes"]?.integer)
        #expect(quantized["bitsPerWeight"]?.double == Double(bytes + overhead) * 8 / Double(2 * (4 * 64 * 64 + 3 * 128 * 64)))
        #expect(try scratch.names == ["config.json", "model.safetensors", "out.qamw"])
    }

    @Test func aDryRunTellsTheSizeAndWritesNothing() throws {
        let scratch = try Self.scratch()
        // A side file that is stored compressed.
        try scratch.write((0..<10_000).map { "\($0 * 7919 % 10_007)" }.joined(separator: ","), to: "tokenizer.json")
        let before = try scratch.names
        let dry = try scratch.qamw("quantize", "--plain", ".", "out.qamw", "--dry-run", "--json", "--bits", "3.5").json
        #expect(try scratch.names == before)
        let wet = try scratch.qamw("quantize", "--plain", ".", "out.qamw", "--json", "--bits", "3.5").json
        for key in ["bytes", "bitsPerWeight", "tensors", "raw", "quantized"] { #expect(dry[key] == wet[key]) }
        #expect(dry["nmse"] == .null)
    }

    @Test func theBytesDoNotDependOnThreads() throws {
        let scratch = try Self.scratch()
        #expect(try scratch.qamw("quantize", "--plain", ".", "one.qamw", "--threads", "1", "--bits", "4").status == 0)
        #expect(try scratch.qamw("quantize", "--plain", ".", "two.qamw", "--threads", "2", "--bits", "4").status == 0)
        #expect(try scratch.bytes("one.qamw") == scratch.bytes("two.qamw"))
        #expect(try scratch.qamw("quantize", "--plain", ".", "other.qamw", "--seed", "1", "--bits", "4").status == 0)
        #expect(try scratch.bytes("one.qamw") != scratch.bytes("other.qamw"))
    }

    @Test func rulesAddAndTakeAway() throws {
        let scratch = try Self.scratch()
        let arguments = [
            "quantize", "--plain", "model.safetensors", "out.qamw", "--json", "--recipe", "mlp", "--bits", "4", "--include", "attn=3", "--include",
            "layers.1.self_attn=6.5", "--include", "q_proj", "--exclude", "v_proj", "--exclude", "up_proj",
        ]
        let json = try Command.run(arguments, in: scratch).json
        #expect(json["tensors"]?["quantized"]?.integer == 10)
        let tensors = try #require(try scratch.qamw("inspect", "out.qamw", "--json").json["tensors"]).elements
        let bits = Dictionary(uniqueKeysWithValues: tensors.map { ($0["name"]?.text ?? "", $0["encoding"]?["bits"]?.double) })
        #expect(bits["model.layers.0.self_attn.k_proj.weight"] == 3)
        #expect(bits["model.layers.1.self_attn.k_proj.weight"] == 6.5)
        #expect(bits["model.layers.1.self_attn.q_proj.weight"] == 4)
        #expect(bits["model.layers.0.mlp.down_proj.weight"] == 4)
        #expect(bits["model.layers.0.mlp.up_proj.weight"] == .some(nil))
        let reasons = try #require(json["raw"]).elements.compactMap { $0["reason"]?.text }
        #expect(reasons.contains("excluded by --exclude v_proj"))
        #expect(reasons.contains("excluded by --exclude up_proj"))
    }

    @Test func whatCannotBeQuantizedIsReportedAndStrictRefusesIt() throws {
        let scratch = try Scratch()
        let model = TestModel(tensors: [try .weights("a.weight", 8, 64), try .weights("b.weight", 8, 7), try .weights("norm.weight", 64)])
        try scratch.write(model.safetensors, to: "in.safetensors")
        let json = try scratch.qamw("quantize", "--plain", "in.safetensors", "out.qamw", "--json").json
        #expect(json["tensors"] == ["quantized": JSONValue(1), "raw": JSONValue(2), "aliased": JSONValue(0)])
        let strict = try scratch.qamw("quantize", "--plain", "in.safetensors", "strict.qamw", "--strict")
        #expect(strict.status == 65)
        #expect(strict.errors.contains("tensor \"b.weight\""))
        #expect(!scratch.exists("strict.qamw"))
        #expect(try scratch.qamw("quantize", "--plain", "in.safetensors", "strict.qamw", "--strict", "--exclude", "b\\.weight").status == 0)
    }

    @Test func valuesThatAreNotFiniteAreRefusedWithTheirPlace() throws {
        let scratch = try Scratch()
        var values = [Float](repeating: 0.5, count: 256)
        values[130] = .nan
        let model = TestModel(tensors: [try .values("a.weight", values, shape: [4, 64])])
        try scratch.write(model.safetensors, to: "in.safetensors")
        let outcome = try scratch.qamw("quantize", "--plain", "in.safetensors", "out.qamw")
        #expect(outcome.status == 65)
        #expect(outcome.errors.hasPrefix("qamw: in.safetensors: tensor \"a.weight\": "))
        #expect(outcome.errors.contains("row 2"))
        #expect(try scratch.names == ["in.safetensors"])
    }

    @Test func tiedWeightsAreStoredOnce() throws {
        let scratch = try Scratch()
        var model = TestModel(tensors: [try .weights("model.embed_tokens.weight", 1024, 64), try .weights("x.weight", 64, 64)])
        var head = model.tensors[0]
        head.name = "lm_head.weight"
        model.tensors.append(head)
        try scratch.write(model.safetensors, to: "in.safetensors")
        let json = try scratch.qamw("quantize", "--plain", "in.safetensors", "out.qamw", "--json", "--recipe", "all").json
        #expect(json["tensors"] == ["quantized": JSONValue(2), "raw": JSONValue(0), "aliased": JSONValue(1)])
        #expect(json["parameters"]?.integer == 1024 * 64 + 64 * 64)
        let tensors = try #require(try scratch.qamw("inspect", "out.qamw", "--json").json["tensors"]).elements
        #expect(tensors[2]["aliasOf"]?.text == "model.embed_tokens.weight")
        #expect(tensors[2]["offset"] == tensors[0]["offset"])
    }

    @Test func everyFamilyAndRateCanBeWritten() throws {
        let scratch = try Scratch()
        try scratch.write(TestModel(tensors: [try .weights("a.weight", 16, 128)]).safetensors, to: "in.safetensors")
        for family in ["octant", "free", "polar"] {
            var last = Double.infinity
            for bits in ["2", "2.5", "3", "3.5", "4", "4.5", "5", "5.5", "6", "6.5"] {
                let json = try scratch.qamw("quantize", "--plain", "in.safetensors", "out.qamw", "--json", "--force", "--codebook", family, "--bits", bits).json
                let nmse = try #require(json["nmse"]?.double)
                #expect(nmse < last)
                last = nmse
                #expect(try scratch.qamw("verify", "out.qamw", "--quiet").status == 0)
            }
        }
    }

    @Test func integerRowsTakeNoRates() throws {
        let scratch = try Scratch()
        // Also an odd number of columns.
        try scratch.write(TestModel(tensors: [try .weights("a.weight", 16, 128), try .weights("b.weight", 16, 33)]).safetensors, to: "in.safetensors")
        let json = try scratch.qamw("quantize", "--plain", "in.safetensors", "out.qamw", "--json", "--codebook", "int8").json
        #expect(json["tensors"] == ["quantized": JSONValue(2), "raw": JSONValue(0), "aliased": JSONValue(0)])
        #expect(try #require(json["nmse"]?.double) < 2e-4)
        #expect(try scratch.qamw("verify", "out.qamw", "--quiet").status == 0)
        let encoding = try scratch.qamw("inspect", "out.qamw", "--json").json["tensors"]?.elements[1]["encoding"]
        #expect(
            encoding == [
                "codec": "int8-rows", "bits": .number(8), "codebook": .null, "blockSize": .null, "seed": .null, "gainType": "float16",
                "channelScales": .bool(false),
            ])
        #expect(try scratch.qamw("inspect", "out.qamw", "--tensors").output.contains("int8 8.0 bits"))
        #expect(try scratch.qamw("quantize", "--plain", "in.safetensors", "eight.qamw", "--quiet", "--codebook", "int8", "--bits", "8").status == 0)
        #expect(try scratch.bytes("eight.qamw") == scratch.bytes("out.qamw"))
        for (option, reason) in [
            (["--bits", "5.5"], "it has 8.0 only"), (["--include", "a=6.5"], "one rate only"),
            (["--target-bpw", "8.1", "--calibration", "in.safetensors"], "int8 has one only"),
        ] {
            let refused = try Command.run(["quantize", "in.safetensors", "no.qamw", "--codebook", "int8"] + option, in: scratch)
            #expect(refused.status == 64 && refused.errors.contains(reason), "\(refused.errors)")
        }
        // Through other formats and back.
        for output in ["packed.safetensors", "packed.gguf"] {
            #expect(try scratch.qamw("convert", "out.qamw", output, "--packed", "--quiet").status == 0)
            #expect(try scratch.qamw("convert", output, "back.qamw", "--quiet", "--force").status == 0)
            #expect(try scratch.qamw("compare", "out.qamw", "back.qamw", "--max-nmse", "0", "--quiet").status == 0)
        }
        #expect(try scratch.qamw("convert", "out.qamw", "plain.safetensors", "--quiet").status == 0)
        #expect(try scratch.qamw("compare", "out.qamw", "plain.safetensors", "--max-nmse", "1e-5", "--quiet").status == 0)
    }

    @Test func slipsAreWarnedOf() throws {
        let scratch = try Self.scratch()
        let slip = try scratch.qamw("quantize", "--plain", ".", "out.qamw", "--include", "nobody=3", "--json").json
        #expect(slip["warnings"] == ["\"nobody\" matches the name of no tensor"])
        let none = try scratch.qamw("quantize", "--plain", "model.safetensors", "none.qamw", "--exclude", "")
        #expect(none.status == 0)
        #expect(none.errors == "qamw: warning: no tensor was quantized\n")
    }

    @Test func theReportIsQuietWhenAsked() throws {
        let scratch = try Self.scratch()
        let loud = try scratch.qamw("quantize", "--plain", ".", "loud.qamw")
        #expect(loud.output.contains("embedding without a Hessian"))
        let quiet = try scratch.qamw("quantize", "--plain", ".", "out.qamw", "--quiet")
        #expect(quiet.status == 0 && quiet.output.isEmpty)
        // Standard error is redirected to a file, so there is never a progress bar.
        #expect(!loud.errors.contains("\r"))
    }

    @Test func rawTensorsAreCompressedOnRequest() throws {
        let scratch = try Scratch()
        let model = TestModel(tensors: [try .weights("a.weight", 8, 64), try .values("norm.weight", [Float](repeating: 1, count: 100_000))])
        try scratch.write(model.safetensors, to: "in.safetensors")
        #expect(try scratch.qamw("quantize", "--plain", "in.safetensors", "plain.qamw").status == 0)
        #expect(try scratch.qamw("quantize", "--plain", "in.safetensors", "small.qamw", "--compress-raw").status == 0)
        #expect(try scratch.bytes("small.qamw").count < 50_000)
        #expect(try scratch.bytes("plain.qamw").count > 400_000)
        #expect(try scratch.qamw("compare", "plain.qamw", "small.qamw", "--max-nmse", "0").status == 0)
    }

    /// The type option applies to raw tensors; coded tensors keep the type that they decode to.
    @Test func rawTensorsTakeTheTypeThatIsAskedFor() throws {
        let scratch = try Scratch()
        var model = try TestModel.llama()
        for index in model.tensors.indices where model.tensors[index].dtype == .bf16 {
            let tensor = model.tensors[index]
            model.tensors[index] = try .values(tensor.name, ElementConversion.floats(tensor.bytes, as: .bf16), shape: tensor.shape)
        }
        model.tensors.append(try .values("model.norm.weight", [1e30, 1, 2]))
        try scratch.write(model.safetensors, to: "m.safetensors")
        let kept = try scratch.qamw("quantize", "--plain", "m.safetensors", "keep.qamw", "--json").json
        #expect(kept["warnings"]?.elements.contains { $0.text?.contains("--raw-dtype bf16 halves them") == true } == true)
        for (name, dtype) in [("bf16", "BF16"), ("f16", "F16"), ("f32", "F32")] {
            let outcome = try scratch.qamw("quantize", "--plain", "m.safetensors", "\(name).qamw", "--raw-dtype", name, "--json")
            #expect(outcome.status == 0)
            let warnings = try #require(outcome.json["warnings"]).elements.compactMap(\.text)
            #expect(warnings == (name == "f16" ? ["tensor \"model.norm.weight\": 1 finite value became infinite"] : []))
            let tensors = try #require(scratch.qamw("inspect", "\(name).qamw", "--json").json["tensors"]).elements
            for tensor in tensors {
                let expected = tensor["name"]?.text == "model.positions" ? "I64" : tensor["encoding"] == nil ? dtype : "F32"
                #expect(tensor["dtype"]?.text == expected, "\(tensor)")
            }
        }
        let sizes = try ["keep", "bf16", "f32"].map { try scratch.bytes("\($0).qamw").count }
        #expect(sizes[0] == sizes[2] && sizes[0] - sizes[1] > 25_000)
        #expect(try scratch.qamw("compare", "keep.qamw", "bf16.qamw", "--json").json["total"]?["nmse"]?.double ?? 1 < 1e-4)
        let small = try scratch.qamw("quantize", "--plain", "m.safetensors", "dry.qamw", "--raw-dtype", "bf16", "--dry-run", "--json").json
        #expect(small["bytes"]?.integer == sizes[1])
        #expect(try scratch.qamw("quantize", "--plain", "m.safetensors", "x.qamw", "--raw-dtype", "f8").status == 64)
    }
}
