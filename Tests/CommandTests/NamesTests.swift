import Architectures
import Converters
import Foundation
import QAMFormat
import Testing

/// Conversion between Hugging Face and GGUF by the command.
@Suite struct NamesTests {
    /// A folder `hf` with a small llama and its complete configuration.
    private static func scratch(columns: Int = 64) throws -> Scratch {
        let scratch = try Scratch()
        try FileManager.default.createDirectory(atPath: scratch.path("hf"), withIntermediateDirectories: true)
        var model = try TestModel.llama(width: columns, hidden: 2 * columns)
        model.tensors.removeLast()
        for layer in 0..<2 { model.tensors.append(try .weights("model.layers.\(layer).post_attention_layernorm.weight", columns)) }
        model.tensors.append(try .weights("model.norm.weight", columns))
        try scratch.write(model.safetensors, to: "hf/model.safetensors")
        let config = """
            {"model_type": "llama", "vocab_size": 100, "hidden_size": \(columns), "intermediate_size": \(2 * columns), "num_hidden_layers": 2,
             "num_attention_heads": 4, "max_position_embeddings": 256, "rms_norm_eps": 1e-05, "rope_theta": 10000.0}
            """
        try scratch.write(config, to: "hf/config.json")
        return scratch
    }

    private static func names(_ file: String, _ scratch: Scratch) throws -> Set<String> {
        Set(try scratch.qamw("inspect", file, "--json").json["tensors"]?.elements.compactMap { $0["name"]?.text } ?? [])
    }

    @Test func everyFormatBecomesEveryOther() throws {
        let scratch = try Self.scratch()
        #expect(try scratch.qamw("convert", "hf", "m.gguf", "--quiet").status == 0)
        #expect(try scratch.qamw("convert", "hf", "m.qamw").status == 0)
        let inputs = ["hf", "m.gguf", "m.qamw"]
        for input in inputs {
            for format in ["safetensors", "gguf", "qamw"] {
                let output = "out-\(input).\(format)"
                let outcome = try scratch.qamw("convert", input, output, "--quiet")
                #expect(outcome.status == 0, "\(input) -> \(format): \(outcome.errors)")
                for reference in inputs {
                    let compared = try scratch.qamw("compare", reference, output, "--max-nmse", "0")
                    #expect(compared.status == 0, "\(input) -> \(format) against \(reference): \(compared.output)")
                }
            }
        }
        // The bytes of the original, by both ways.
        #expect(try scratch.qamw("convert", "m.gguf", "back/", "--to", "safetensors").status == 0)
        #expect(try scratch.bytes("back/model.safetensors") == scratch.bytes("hf/model.safetensors"))
        #expect(try scratch.qamw("compare", "back", "hf", "--max-nmse", "0").status == 0)
        #expect(try scratch.bytes("out-m.gguf.gguf") == scratch.bytes("m.gguf"))
        #expect(try Self.names("m.gguf", scratch).contains("blk.1.ffn_down.weight"))
        #expect(try Self.names("out-m.gguf.qamw", scratch) == Self.names("m.gguf", scratch))
        #expect(try Self.names("out-m.qamw.gguf", scratch) == Self.names("m.gguf", scratch))
    }

    @Test func namesAreWhatIsAskedFor() throws {
        let scratch = try Self.scratch()
        #expect(try scratch.qamw("convert", "hf", "kept.gguf", "--names", "keep").status == 0)
        #expect(try Self.names("kept.gguf", scratch) == Self.names("hf", scratch))
        #expect(try scratch.qamw("convert", "hf", "m.gguf").status == 0)
        #expect(try scratch.qamw("convert", "m.gguf", "h.qamw", "--names", "hf").status == 0)
        #expect(try Self.names("h.qamw", scratch) == Self.names("hf", scratch))
        #expect(try scratch.qamw("inspect", "h.qamw", "--json").json["files"]?.elements.first?["name"]?.text == "config.json")
        #expect(try scratch.qamw("convert", "hf", "g.qamw", "--names", "gguf").status == 0)
        #expect(try Self.names("g.qamw", scratch) == Self.names("m.gguf", scratch))
        // A single file does not state the architecture.
        let unknown = try scratch.qamw("convert", "hf/model.safetensors", "u.gguf", "--names", "gguf")
        #expect(unknown.status == 65 && unknown.errors.contains("config.json"))
        let kept = try scratch.qamw("convert", "hf/model.safetensors", "u.gguf")
        #expect(kept.status == 0 && kept.errors.contains("keep their names"))
        try scratch.write("{\"model_type\": \"llama\"}", to: "hf/config.json")
        let wrong = try scratch.qamw("convert", "hf", "w.gguf")
        #expect(wrong.status == 65 && wrong.errors == "qamw: config.json: \"vocab_size\" is missing\n")
        #expect(try scratch.qamw("convert", "hf", "p.gguf", "--packed", "--names", "gguf").status == 64)
    }

    /// A model that loaders would refuse is refused before anything is written; `eval` reports the same.
    @Test func whatIsIncompleteIsNotWritten() throws {
        let scratch = try Self.scratch()
        let config = String(decoding: try scratch.bytes("hf/config.json"), as: UTF8.self)
        try scratch.write([UInt8](repeating: 0, count: 2 * 64), to: "tokens.u16")
        for (change, words) in [
            ("\"num_hidden_layers\": 3", "tensor \"model.layers.2.input_layernorm.weight\": the tensor is missing"),
            ("\"num_hidden_layers\": 2, \"head_dim\": 32", "tensor \"model.layers.0.self_attn.q_proj.weight\": the tensor is 64 x 64"),
        ] {
            try scratch.write(config.replacing("\"num_hidden_layers\": 2", with: change), to: "hf/config.json")
            for output in [["m.gguf"], ["m/", "--to", "gguf"], ["m.qamw", "--names", "gguf"]] {
                let outcome = try Command.run(["convert", "hf"] + output, in: scratch)
                #expect(outcome.status == 65 && outcome.errors.contains(words), "\(outcome.errors)")
            }
            let run = try scratch.qamw("eval", "hf", "--tokens", "tokens.u16", "--context", "16")
            #expect(run.status == 65 && run.errors.contains(words), "\(run.errors)")
            #expect(try scratch.names == ["hf", "tokens.u16"])
        }
        try scratch.write(config.replacing("\"num_hidden_layers\": 2", with: "\"num_hidden_layers\": 1"), to: "hf/config.json")
        #expect(try scratch.qamw("convert", "hf", "m.gguf").status == 65)
        #expect(try scratch.qamw("convert", "hf", "m.gguf", "--names", "keep").status == 0)
        let run = try scratch.qamw("eval", "hf", "--tokens", "tokens.u16", "--context", "16")
        #expect(run.status == 0 && run.errors.contains("\"model.layers.1.input_layernorm.weight\" and 8 more: not used"), "\(run.errors)")
    }

    @Test func theConfigurationComesBackByteForByte() throws {
        let scratch = try Self.scratch()
        let config = String(decoding: try scratch.bytes("hf/config.json"), as: UTF8.self).replacing(
            "}", with: ", \"odd\": [Infinity], \"eos_token_id\": [2, 5]}")
        try scratch.write(config, to: "hf/config.json")
        try scratch.write("{\"temperature\": 0.7, \"eos_token_id\": [2, 5]}", to: "hf/generation_config.json")
        let outcome = try scratch.qamw("convert", "hf", "m.gguf", "--json").json
        #expect(outcome["warnings"]?.elements.contains { $0.text?.contains("\"odd\"") == true } == true)
        #expect(try scratch.qamw("inspect", "m.gguf", "--json").json["metadata"]?["general.sampling.temp"]?.double.map { Float($0) } == 0.7)
        #expect(try scratch.qamw("convert", "m.gguf", "back/", "--to", "safetensors").status == 0)
        for name in ["config.json", "generation_config.json"] { #expect(try scratch.bytes("back/\(name)") == scratch.bytes("hf/\(name)")) }
        // An edit is carried over.
        #expect(try scratch.qamw("metadata", "m.gguf", "--set", "llama.context_length=u32:128").status == 0)
        #expect(try scratch.qamw("convert", "m.gguf", "edited/", "--to", "safetensors").status == 0)
        let edited = try JSONValue(parsing: scratch.bytes("edited/config.json"), section: "config", takingNonFinite: true)
        #expect(edited["max_position_embeddings"] == 128 && edited["odd"] == [.number(.infinity)])
    }

    @Test func aTokenizerThatCannotBeSaidIsLeftOut() throws {
        let scratch = try Self.scratch()
        try scratch.write(#"{"model":{"type":"Unigram","vocab":[["a",0.5]]}}"#, to: "hf/tokenizer.json")
        let outcome = try scratch.qamw("convert", "hf", "m.gguf")
        #expect(outcome.status == 0 && outcome.errors.contains("\"Unigram\"") && outcome.errors.contains("cannot keep"), "\(outcome.errors)")
        #expect(try scratch.qamw("inspect", "m.gguf", "--json").json["metadata"]?["tokenizer.ggml.model"]?.text == "none")
        #expect(try scratch.qamw("convert", "hf", "m/", "--to", "gguf").status == 0)
        #expect(try scratch.bytes("m/tokenizer.json") == scratch.bytes("hf/tokenizer.json"))
    }

    @Test func aFolderOfShardsWithoutIndexIsNoModel() throws {
        let scratch = try Self.scratch()
        try FileManager.default.moveItem(atPath: scratch.path("hf/model.safetensors"), toPath: scratch.path("hf/model-00001-of-00002.safetensors"))
        let outcome = try scratch.qamw("convert", "hf", "m.qamw")
        #expect(outcome.status == 66 && outcome.errors.contains("model.safetensors.index.json, is missing"), "\(outcome.errors)")
        let lone = try scratch.qamw("convert", "hf/model-00001-of-00002.safetensors", "m.qamw")
        #expect(lone.status == 0 && lone.errors.contains("one of 2 shards"), "\(lone.errors)")
    }

    @Test func quantizedModelsGoToGGUFAndBack() throws {
        let scratch = try Self.scratch()
        #expect(try scratch.qamw("quantize", "--plain", "hf", "q.qamw").status == 0)
        #expect(try scratch.qamw("convert", "q.qamw", "q.gguf").status == 0)
        #expect(try scratch.qamw("compare", "hf", "q.gguf", "--max-nmse", "0.002").status == 0)
        #expect(try scratch.qamw("compare", "q.qamw", "q.gguf", "--max-nmse", "1e-5").status == 0)
        // A model quantized under GGUF's names can be compared all the same.
        #expect(try scratch.qamw("convert", "hf", "m.gguf").status == 0)
        #expect(try scratch.qamw("quantize", "--plain", "m.gguf", "g.qamw").status == 0)
        #expect(try scratch.qamw("compare", "hf", "g.qamw", "--max-nmse", "0.002").status == 0)
        #expect(try scratch.qamw("convert", "g.qamw", "g/", "--to", "safetensors").status == 0)
        #expect(try scratch.qamw("compare", "hf", "g", "--max-nmse", "0.002").status == 0)
    }

    @Test func q8IsWrittenAndReadAgain() throws {
        let scratch = try Self.scratch(columns: 96)
        let outcome = try scratch.qamw("convert", "hf", "q8.gguf", "--dtype", "q8_0")
        #expect(outcome.status == 0, "\(outcome.errors)")
        let json = try scratch.qamw("inspect", "q8.gguf", "--json").json
        #expect(json["metadata"]?["general.file_type"]?.integer == 7)
        for tensor in json["tensors"]?.elements ?? [] {
            #expect(tensor["dtype"]?.text == (tensor["shape"]?.elements.count == 1 ? "F32" : "Q8_0"))
        }
        #expect(try scratch.qamw("compare", "hf", "q8.gguf", "--max-nmse", "1e-4").status == 0)
        #expect(try scratch.qamw("convert", "q8.gguf", "back/", "--to", "safetensors").status == 0)
        let back = try scratch.qamw("inspect", "back", "--json").json["tensors"]?.elements ?? []
        for tensor in back { #expect(tensor["dtype"]?.text == (tensor["shape"]?.elements.count == 1 ? "BF16" : "F16")) }
        // Coding a second time gives a warning.
        let twice = try scratch.qamw("quantize", "--plain", "q8.gguf", "twice.qamw", "--json").json
        #expect(twice["tensors"]?["quantized"]?.integer == 14)
        #expect(twice["warnings"]?.elements.contains { $0.text?.contains("quantized before (Q8_0)") == true } == true)
        #expect(try scratch.qamw("convert", "twice.qamw", "twice/", "--to", "safetensors").errors.isEmpty)
        #expect(try scratch.qamw("compare", "hf", "twice", "--max-nmse", "0.002").status == 0)
        #expect(try scratch.qamw("convert", "hf", "x.safetensors", "--dtype", "q8_0").status == 64)

        let odd = try Self.scratch(columns: 40)
        let warned = try odd.qamw("convert", "hf", "q8.gguf", "--dtype", "q8_0")
        #expect(warned.status == 0 && warned.errors.contains("stay F16"))
    }
}
