import Architectures
import Converters
import Foundation
import QAMFormat
import Testing

/// `convert --dtype` with ggml's block types and llama.cpp's mixtures.
@Suite struct BlockTypeCommandTests {
    /// A folder `hf` with a small llama of two layers.
    private static func scratch(width: Int = 256, spoiled: Bool = false) throws -> Scratch {
        let scratch = try Scratch()
        try FileManager.default.createDirectory(atPath: scratch.path("hf"), withIntermediateDirectories: true)
        var model = try TestModel.llama(width: width, hidden: 2 * width)
        model.tensors.removeLast()
        for layer in 0..<2 { model.tensors.append(try .weights("model.layers.\(layer).post_attention_layernorm.weight", width)) }
        model.tensors.append(try .weights("model.norm.weight", width))
        if spoiled {
            // The last BF16 of the first matrix becomes infinite.
            model.tensors[2].bytes.removeLast(2)
            model.tensors[2].bytes += [0x80, 0x7F]
        }
        try scratch.write(model.safetensors, to: "hf/model.safetensors")
        let config = """
            {"model_type": "llama", "vocab_size": 100, "hidden_size": \(width), "intermediate_size": \(2 * width), "num_hidden_layers": 2,
             "num_attention_heads": 4, "max_position_embeddings": 256, "rms_norm_eps": 1e-05, "rope_theta": 10000.0}
            """
        try scratch.write(config, to: "hf/config.json")
        return scratch
    }

    private static func types(_ file: String, _ scratch: Scratch) throws -> [String: String] {
        let tensors = try scratch.qamw("inspect", file, "--json").json["tensors"]?.elements ?? []
        return Dictionary(uniqueKeysWithValues: tensors.compactMap { tensor in tensor["name"]?.text.map { ($0, tensor["dtype"]?.text ?? "") } })
    }

    @Test func aMixtureByItsName() throws {
        let scratch = try Self.scratch()
        let outcome = try scratch.qamw("convert", "hf", "m.gguf", "--dtype", "Q4_K_M", "--json")
        #expect(outcome.status == 0, "\(outcome.errors)")
        let json = try outcome.json
        let nmse = try #require(json["nmse"]?.double)
        #expect(nmse > 1e-4 && nmse < 5e-3)
        // Bits of the whole file: 4.5 and 6.5625 for matrices, 32 for norms.
        #expect(try #require(json["bitsPerWeight"]?.double) > 4.5 && json["bitsPerWeight"]?.double ?? 9 < 5.5)
        let types = try Self.types("m.gguf", scratch)
        #expect(types["output.weight"] == "Q6_K" && types["token_embd.weight"] == "Q4_K" && types["blk.1.ffn_down.weight"] == "Q6_K")
        #expect(types["blk.0.attn_q.weight"] == "Q4_K" && types["blk.0.attn_norm.weight"] == "F32")
        let metadata = try scratch.qamw("inspect", "m.gguf", "--json").json["metadata"]
        #expect(metadata?["general.file_type"]?.integer == 15 && metadata?["general.quantization_version"]?.integer == 2)
        #expect(try scratch.qamw("verify", "m.gguf").status == 0)
        // What was reported is what a reader finds, apart from norms, which are exact.
        let compared = try scratch.qamw("compare", "hf", "m.gguf", "--json").json
        #expect(abs(try #require(compared["total"]?["nmse"]?.double) / nmse - 1) < 0.05)

        #expect(try scratch.qamw("convert", "hf", "again.gguf", "--dtype", "q4_k_m", "--threads", "1", "--quiet").status == 0)
        #expect(try scratch.bytes("again.gguf") == scratch.bytes("m.gguf"))
        let pure = try scratch.qamw("convert", "hf", "pure.gguf", "--dtype", "q4_k_m", "--pure")
        #expect(pure.status == 0 && pure.output.contains("NMSE"))
        #expect(Set(try Self.types("pure.gguf", scratch).values) == ["Q4_K", "F32"])
        #expect(try scratch.qamw("convert", "hf", "type.gguf", "--dtype", "q4_k", "--dry-run", "--json").json["dryRun"] == .bool(true))
        #expect(!scratch.exists("type.gguf"))
    }

    @Test func rowsThatDoNotFit() throws {
        let scratch = try Self.scratch(width: 64)
        let outcome = try scratch.qamw("convert", "hf", "m.gguf", "--dtype", "q4_k")
        #expect(outcome.status == 0 && outcome.errors.contains("rows that are not a multiple of 256 become Q5_0, not Q4_K: "), "\(outcome.errors)")
        #expect(Set(try Self.types("m.gguf", scratch).values) == ["Q5_0", "F32"])
        let twice = try scratch.qamw("convert", "m.gguf", "twice.gguf", "--dtype", "q4_0", "--pure")
        #expect(twice.status == 0 && twice.errors.contains("quantized a second time"))
    }

    @Test func statisticsWeighErrors() throws {
        let scratch = try Self.scratch()
        // Channel 0 matters most; a fifth of the channels were always zero.
        func word(_ value: UInt32) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) } }
        func imatrix(_ width: Int, _ names: [String]) -> [UInt8] {
            var bytes = word(UInt32(names.count))
            for name in names {
                bytes += word(UInt32(name.utf8.count)) + Array(name.utf8) + word(1) + word(UInt32(width))
                for channel in 0..<width {
                    let square: Float = channel == 0 ? 1000 : channel % 5 == 4 ? 0 : 1
                    bytes += word(square.bitPattern)
                }
            }
            return bytes
        }
        let names = ["blk.0.attn_q.weight", "blk.0.attn_k.weight"]
        try scratch.write(imatrix(256, names), to: "i.dat")
        let useless = try scratch.qamw("convert", "hf", "m.gguf", "--dtype", "q8_0", "--imatrix", "i.dat")
        #expect(useless.status == 64 && useless.errors.contains("only error feedback by Hessians improves it"), "\(useless.errors)")
        let outcome = try scratch.qamw("convert", "hf", "m.gguf", "--dtype", "q3_k", "--imatrix", "i.dat")
        #expect(outcome.status == 0 && outcome.errors.contains("no statistics of their inputs"), "\(outcome.errors)")
        #expect(try scratch.qamw("convert", "hf", "plain.gguf", "--dtype", "q3_k", "--quiet").status == 0)
        let (weighted, plain) = (try scratch.bytes("m.gguf"), try scratch.bytes("plain.gguf"))
        #expect(weighted.count == plain.count && weighted != plain)
        #expect(try scratch.qamw("convert", "hf", "same.gguf", "--dtype", "q3_k", "--calibration", "i.dat", "--quiet").status == 0)
        #expect(try scratch.bytes("same.gguf") == weighted)

        try scratch.write(imatrix(128, names), to: "other.dat")
        let other = try scratch.qamw("convert", "hf", "x.gguf", "--dtype", "q3_k", "--imatrix", "other.dat")
        #expect(other.status == 64 && other.errors.contains("blk.0.attn_") && other.errors.contains("another model"), "\(other.errors)")
        // Statistics are an input, which no output replaces.
        #expect(try scratch.qamw("convert", "hf", "i.dat", "--to", "gguf", "--dtype", "q3_k", "--imatrix", "i.dat", "--force").status == 73)
        #expect(!scratch.exists("x.gguf"))
    }

    @Test func whatIsRefused() throws {
        let scratch = try Self.scratch(spoiled: true)
        let infinite = try scratch.qamw("convert", "hf", "m.gguf", "--dtype", "q4_k_m")
        #expect(infinite.status == 65 && infinite.errors.contains("blk.0.attn_q.weight") && infinite.errors.contains("Q4_K"), "\(infinite.errors)")
        #expect(!scratch.exists("m.gguf"))
        for words in [
            ["--dtype", "q4_k_m", "--to", "safetensors"], ["--dtype", "q4_k_m", "--to", "qamw"], ["--dtype", "q4_k_m", "--names", "keep"], ["--dtype", "q4"],
            ["--dtype", "f16", "--pure"], ["--dtype", "f16", "--imatrix", "i.dat"], ["--imatrix", "i.dat"],
        ] {
            let outcome = try Command.run(["convert", "hf", "m.gguf"] + words, in: scratch)
            #expect(outcome.status == 64 && !scratch.exists("m.gguf"), "\(words): \(outcome.errors)")
        }
        #expect(try scratch.qamw("convert", "hf", "m.gguf", "--dtype", "q4_k", "--imatrix", "i.dat").status == 66)
        #expect(try scratch.qamw("convert", "hf", "m.gguf", "--dtype", "q4_k", "--imatrix", "hf/config.json").status == 65)
    }
}
