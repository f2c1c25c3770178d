import Architectures
import Converters
import Foundation
import QAMFormat
import Testing

@Suite struct ConvertTests {
    @Test func safetensorsComeBackFromQAMWUnchanged() throws {
        let scratch = try QuantizeTests.scratch()
        let json = try scratch.qamw("convert", ".", "raw.qamw", "--json").json
        #expect(json["tensors"] == ["quantized": JSONValue(0), "raw": JSONValue(19), "aliased": JSONValue(0)])
        #expect(json["bytes"]?.integer == (try scratch.bytes("raw.qamw")).count)
        #expect(json["nmse"] == .null)
        #expect(try scratch.qamw("convert", "raw.qamw", "back/").status == 0)
        #expect(try scratch.qamw("compare", ".", "back", "--max-nmse", "0").status == 0)
        #expect(try scratch.bytes("back/config.json") == scratch.bytes("config.json"))
    }

    @Test func sideFilesThatCannotBeKeptAreNamed() throws {
        let scratch = try QuantizeTests.scratch()
        #expect(try scratch.qamw("convert", ".", "raw.qamw").status == 0)
        let outcome = try scratch.qamw("convert", "raw.qamw", "back.safetensors", "--json")
        #expect(outcome.errors.isEmpty)
        #expect(try outcome.json["warnings"]?.elements.first?.text?.contains("config.json") == true)
        #expect(try scratch.qamw("convert", "raw.qamw", "again.safetensors").errors.hasPrefix("qamw: warning: "))
    }

    @Test(arguments: ["f32", "f16", "bf16"]) func floatingTensorsAreCast(_ dtype: String) throws {
        let scratch = try QuantizeTests.scratch()
        #expect(try scratch.qamw("quantize", "--plain", ".", "q.qamw").status == 0)
        for (input, output) in [("q.qamw", "a.safetensors"), (".", "c.qamw")] {
            #expect(try scratch.qamw("convert", input, output, "--dtype", dtype).status == 0)
            let tensors = try #require(try scratch.qamw("inspect", output, "--json").json["tensors"]).elements
            #expect(tensors.count == 19)
            for tensor in tensors {
                #expect(tensor["dtype"]?.text == (tensor["name"]?.text == "model.positions" ? "I64" : dtype.uppercased()))
                #expect(tensor["encoding"] == nil)
            }
        }
    }

    @Test(arguments: ["q.qamw", "packed.safetensors"]) func codedTensorsStayCodedWhateverTheTypeOfOthers(_ input: String) throws {
        let scratch = try QuantizeTests.scratch()
        #expect(try scratch.qamw("quantize", "--plain", ".", "q.qamw").status == 0)
        #expect(try scratch.qamw("convert", "q.qamw", "packed.safetensors", "--packed").status == 0)
        let json = try scratch.qamw("convert", input, "b.qamw", "--dtype", "f32", "--json").json
        #expect(json["tensors"] == ["quantized": JSONValue(14), "raw": JSONValue(5), "aliased": JSONValue(0)])
        let before = try #require(try scratch.qamw("inspect", "q.qamw", "--json").json["tensors"]).elements
        let after = try #require(try scratch.qamw("inspect", "b.qamw", "--json").json["tensors"]).elements
        for (old, new) in zip(before, after) {
            #expect(new["encoding"] == old["encoding"])
            let isCast = old["encoding"] == nil && old["dtype"]?.text == "BF16"
            #expect(new["dtype"]?.text == (isCast ? "F32" : old["dtype"]?.text))
        }
        // Their bits are unchanged, and the other tensors lose nothing.
        #expect(try scratch.qamw("compare", "q.qamw", "b.qamw", "--max-nmse", "0").status == 0)
        let renamed = try scratch.qamw("convert", "q.qamw", "c.qamw", "--names", "gguf", "--dtype", "f32")
        #expect(renamed.status == 65)
    }

    @Test func overflowsAreToldOnce() throws {
        let scratch = try Scratch()
        var model = try TestModel.llama()
        // Large enough to be compared with other tensors of its shape, which reads them more than once.
        let values = [Float](repeating: 1, count: 256 * 256 - 2) + [70_000, -1e9]
        for name in ["a", "b"] { model.tensors.append(try .values(name, values, shape: [256, 256])) }
        try scratch.write(model.safetensors, to: "m.safetensors")
        for threads in ["1", "3"] {
            let json = try scratch.qamw("convert", "m.safetensors", "\(threads).qamw", "--dtype", "f16", "--threads", threads, "--json").json
            #expect(json["warnings"]?.elements.map(\.text) == ["tensor \"a\": 2 finite values became infinite"])
        }
        let json = try scratch.qamw("convert", "m.safetensors", "m16.safetensors", "--dtype", "f16", "--json").json
        #expect(json["warnings"]?.elements.count == 2)
    }

    /// transformers loads a model in the type that config.json declares.
    @Test func theConfigurationDeclaresWhatWasWritten() throws {
        let test = try TestInference("llama"), scratch = test.scratch
        let text = String(decoding: try scratch.bytes("m/config.json"), as: UTF8.self)
        #expect(text.contains(#""torch_dtype": "bfloat16""#))
        func config(_ folder: String) throws -> String { String(decoding: try scratch.bytes("\(folder)/config.json"), as: UTF8.self) }
        func declaring(_ name: String) -> String { text.replacingOccurrences(of: #""torch_dtype": "bfloat16""#, with: #""torch_dtype": "\#(name)""#) }
        #expect(try scratch.qamw("convert", "m", "f32/", "--to", "safetensors", "--dtype", "f32").status == 0)
        #expect(try config("f32") == declaring("float32"))
        #expect(try scratch.qamw("convert", "m", "copy/", "--to", "safetensors").status == 0)
        #expect(try config("copy") == text)
        // Also into a .qamw file and out of it again.
        #expect(try scratch.qamw("convert", "m", "f16.qamw", "--dtype", "f16").status == 0)
        #expect(try scratch.qamw("convert", "f16.qamw", "f16/").status == 0)
        #expect(try config("f16") == declaring("float16"))
        #expect(try scratch.qamw("quantize", "--plain", "m", "q.qamw").status == 0)
        #expect(try scratch.qamw("convert", "q.qamw", "decoded/").status == 0)
        #expect(try config("decoded") == text)
        // Through GGUF, with types that the reverse conversion selects.
        for (dtype, back, name) in [
            ("bf16", "keep", "bfloat16"), ("f16", "keep", "float16"), ("f32", "keep", "float32"), ("q8_0", "keep", "float16"), ("q8_0", "bf16", "bfloat16"),
        ] {
            #expect(try scratch.qamw("convert", "m", "m.gguf", "--dtype", dtype, "--force", "--quiet").status == 0)
            #expect(try scratch.qamw("convert", "m.gguf", "back-\(dtype)-\(back)/", "--to", "safetensors", "--dtype", back, "--quiet").status == 0)
            #expect(try config("back-\(dtype)-\(back)").contains(#""torch_dtype": "\#(name)""#))
        }
    }

    @Test func quantizedTensorsStayAsTheyAre() throws {
        let scratch = try QuantizeTests.scratch()
        #expect(try scratch.qamw("quantize", "--plain", ".", "q.qamw").status == 0)
        let json = try scratch.qamw("convert", "q.qamw", "copy.qamw", "--json").json
        #expect(json["tensors"]?["quantized"]?.integer == 14)
        #expect(try scratch.bytes("copy.qamw") == scratch.bytes("q.qamw"))
    }

    @Test(arguments: [["--gain-refit", "on"], ["--compress-raw"], ["--codebook", "free", "--recipe", "all"]])
    func aPackedModelBecomesTheSameFileAgain(_ options: [String]) throws {
        let scratch = try QuantizeTests.scratch()
        #expect(try Command.run(["quantize", "--plain", ".", "q.qamw"] + options, in: scratch).status == 0)
        #expect(try scratch.qamw("convert", "q.qamw", "packed.safetensors", "--packed").status == 0)
        #expect(try scratch.qamw("verify", "packed.safetensors").status == 0)
        #expect(try scratch.qamw("convert", "packed.safetensors", "again.qamw").status == 0)
        #expect(try scratch.bytes("again.qamw") == scratch.bytes("q.qamw"))

        #expect(try scratch.qamw("convert", "q.qamw", "folder/", "--packed", "--to", "safetensors").status == 0)
        // By this transformers knows that the weights are packed; the same .qamw file below shows that it is taken out again.
        let stated = #""quantization_config": {"quant_method": "qamw"}, "#, packed = try String(decoding: scratch.bytes("folder/config.json"), as: UTF8.self)
        #expect(packed.contains(stated))
        #expect(try packed.replacing(stated, with: "") == String(decoding: scratch.bytes("config.json"), as: UTF8.self))
        #expect(try scratch.qamw("convert", "folder", "third.qamw").status == 0)
        #expect(try scratch.bytes("third.qamw") == scratch.bytes("q.qamw"))

        #expect(try scratch.qamw("convert", "packed.safetensors", "plain.safetensors").status == 0)
        #expect(try scratch.qamw("convert", "q.qamw", "direct.safetensors").status == 0)
        #expect(try scratch.qamw("compare", "plain.safetensors", "direct.safetensors", "--max-nmse", "0").status == 0)
        #expect(try scratch.qamw("compare", "packed.safetensors", "q.qamw", "--max-nmse", "0").status == 0)
    }

    @Test func largeModelsAreCutIntoShards() throws {
        let scratch = try QuantizeTests.scratch()
        let arguments = ["convert", ".", "shards/", "--to", "safetensors", "--max-shard-size", "50KB", "--json"]
        let json = try Command.run(arguments, in: scratch).json
        #expect(json["output"]?.text == "shards/")
        #expect(scratch.exists("shards/model.safetensors.index.json"))
        #expect(scratch.exists("shards/model-00001-of-00004.safetensors"))
        let verified = try scratch.qamw("verify", "shards", "shards/model.safetensors.index.json")
        #expect(verified.status == 0 && verified.errors.isEmpty)
        #expect(try scratch.qamw("compare", ".", "shards", "--max-nmse", "0").status == 0)
        let file = try scratch.qamw("convert", ".", "one.safetensors", "--max-shard-size", "50KB")
        #expect(file.status == 64)
    }

    @Test func aDryRunWritesNothing() throws {
        let scratch = try QuantizeTests.scratch()
        for output in ["a.qamw", "a.safetensors", "folder/"] {
            let dry = try scratch.qamw("convert", "model.safetensors", output, "--dtype", "f32", "--dry-run", "--json").json
            #expect(try scratch.names == ["config.json", "model.safetensors"])
            let wet = try scratch.qamw("convert", "model.safetensors", output, "--dtype", "f32", "--json").json
            #expect(dry["bytes"] == wet["bytes"])
            for name in try scratch.names where name.hasPrefix("a.") || name == "folder" { try scratch.remove(name) }
        }
    }

    @Test func damageIsNotPassedOn() throws {
        let scratch = try QuantizeTests.scratch()
        #expect(try scratch.qamw("quantize", "--plain", ".", "q.qamw").status == 0)
        let sections = try #require(try scratch.qamw("inspect", "q.qamw", "--json").json["sections"]).elements
        let symbols = try #require(sections.first { $0["name"]?.text == "symbols" }?["offset"]?.integer)
        var bytes = try scratch.bytes("q.qamw")
        bytes[symbols] ^= 1
        try scratch.write(bytes, to: "q.qamw")
        let before = try scratch.names
        for arguments in [["convert", "q.qamw", "a.safetensors"], ["convert", "q.qamw", "a.qamw"], ["quantize", "--plain", "q.qamw", "a.qamw"]] {
            let outcome = try Command.run(arguments, in: scratch)
            #expect(outcome.status == 65)
            #expect(outcome.errors.hasPrefix("qamw: q.qamw: section symbols, tensor \""))
            #expect(try scratch.names == before)
        }
    }

    @Test func theFormatFollowsFromTheNames() throws {
        let scratch = try QuantizeTests.scratch()
        #expect(try scratch.qamw("convert", "model.safetensors", "a.bin").status == 64)
        #expect(try scratch.qamw("convert", "model.safetensors", "a.bin", "--to", "qamw").status == 0)
        #expect(try scratch.qamw("inspect", "a.bin", "--json").json["format"]?.text == "qamw")
        #expect(try scratch.qamw("convert", "model.safetensors", "b.qamw", "--packed").status == 64)
        #expect(try scratch.qamw("convert", "model.safetensors", "a.gguf").status == 0)
        #expect(try scratch.qamw("inspect", "a.gguf", "--json").json["format"]?.text == "gguf")
        #expect(try scratch.qamw("convert", "model.safetensors", "folder/").status == 0)
        #expect(scratch.exists("folder/model.qamw"))
    }
}
