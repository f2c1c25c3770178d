import Architectures
import Converters
import Foundation
import QAMFormat
import Testing

/// LoRA adapters through the command: merged by --lora, and converted to llama.cpp's form.
@Suite struct AdapterCommandTests {
    private static let module = "model.layers.1.mlp.down_proj"

    /// An adapter of one module of the tiny llama, of rank 2 and a scale of 2.
    private static func adapter(_ name: String, in scratch: Scratch, seed: UInt64, members: String = "") throws -> [TestModel.Tensor] {
        let tensors: [TestModel.Tensor] = try [
            .weights("base_model.model.\(module).lora_A.weight", 2, 72, dtype: .f32, seed: seed),
            .weights("base_model.model.\(module).lora_B.weight", 64, 2, dtype: .f32, seed: seed),
        ]
        try FileManager.default.createDirectory(atPath: scratch.path(name), withIntermediateDirectories: true)
        try scratch.write(TestModel(tensors: tensors).safetensors, to: "\(name)/adapter_model.safetensors")
        try scratch.write("{\"peft_type\": \"LORA\", \"r\": 2, \"lora_alpha\": 4\(members)}", to: "\(name)/adapter_config.json")
        return tensors
    }

    private static func values(_ file: String, _ name: String, in scratch: Scratch) throws -> [Float] {
        let source = try SafetensorsSource(path: scratch.path(file))
        let index = try #require(source.tensors.firstIndex { $0.name == name })
        guard case .raw(let dtype) = source.tensors[index].storage else { return [] }
        return try ElementConversion.floats(source.read(0..<source.tensors[index].byteCount, of: index).streams[0], as: dtype)
    }

    /// 2 * B A.
    private static func update(_ tensors: [TestModel.Tensor]) throws -> [Float] {
        let a = try ElementConversion.floats(tensors[0].bytes, as: .f32), b = try ElementConversion.floats(tensors[1].bytes, as: .f32)
        return (0..<64 * 72).map { 2 * (b[$0 / 72 * 2] * a[$0 % 72] + b[$0 / 72 * 2 + 1] * a[72 + $0 % 72]) }
    }

    @Test func adaptersAreMerged() throws {
        let test = try TestInference("llama"), scratch = test.scratch
        let first = try Self.adapter("a", in: scratch, seed: 1), second = try Self.adapter("b", in: scratch, seed: 2)
        #expect(try scratch.qamw("convert", "m", "plain/", "--to", "safetensors", "--dtype", "f32").status == 0)
        let outcome = try scratch.qamw("convert", "plain", "merged/", "--to", "safetensors", "--lora", "a", "--lora", "b")
        #expect(outcome.status == 0, "\(outcome.errors)")
        let changes = try [first, second].map(Self.update), weight = "\(Self.module).weight"
        let plain = try Self.values("plain/model.safetensors", weight, in: scratch), merged = try Self.values("merged/model.safetensors", weight, in: scratch)
        for (index, value) in merged.enumerated() {
            #expect(abs(value - (plain[index] + changes[0][index] + changes[1][index])) < 1e-6)
        }
        #expect(merged != plain)
        // All else is as it was.
        let compared = try scratch.qamw("compare", "plain", "merged", "--json").json
        let changed = compared["tensors"]?.elements.filter { $0["nmse"]?.double != 0 }.compactMap { $0["name"]?.text }
        #expect(changed == [weight])
        // Quantizing on the way gives what quantizing the merged model does.
        #expect(try scratch.qamw("quantize", "--plain", "plain", "q.qamw", "--lora", "a", "--lora", "b").status == 0)
        #expect(try scratch.qamw("quantize", "--plain", "merged", "p.qamw").status == 0)
        #expect(try scratch.qamw("compare", "q.qamw", "p.qamw", "--max-nmse", "0").status == 0)
        let perplexities = try [test.perplexity("plain"), test.perplexity("merged")]
        #expect(perplexities[0] != nil && perplexities[1] != nil && perplexities[0] != perplexities[1])
    }

    @Test func anAdapterBecomesLlamaCppsForm() throws {
        let test = try TestInference("llama"), scratch = test.scratch
        let tensors = try Self.adapter("a", in: scratch, seed: 1)
        let outcome = try scratch.qamw("convert", "a", "a.gguf", "--base", "m")
        #expect(outcome.status == 0, "\(outcome.errors)")
        let metadata = try scratch.qamw("inspect", "a.gguf", "--json").json["metadata"]
        #expect(metadata?["general.type"]?.text == "adapter" && metadata?["adapter.type"]?.text == "lora")
        #expect(metadata?["general.architecture"]?.text == "llama" && metadata?["adapter.lora.alpha"]?.double == 4)
        let gguf = try GGUFSource(path: scratch.path("a.gguf"))
        #expect(Set(gguf.tensors.map(\.name)) == ["blk.1.ffn_down.weight.lora_a", "blk.1.ffn_down.weight.lora_b"])
        for (tensor, ending) in zip(tensors, ["a", "b"]) {
            let index = try #require(gguf.tensors.firstIndex { $0.name.hasSuffix(ending) })
            #expect(gguf.tensors[index].shape == tensor.shape)
            #expect(try gguf.read(0..<tensor.bytes.count, of: index).streams[0] == tensor.bytes)
        }
    }

    @Test func whatIsNotAnAdapterIsNamed() throws {
        let test = try TestInference("llama"), scratch = test.scratch
        _ = try Self.adapter("a", in: scratch, seed: 1)
        _ = try Self.adapter("dora", in: scratch, seed: 1, members: ", \"use_dora\": true")
        let before = try scratch.names
        for (arguments, status, says) in [
            (["convert", "m", "o.gguf", "--lora", "m"], Int32(66), "no folder of a LoRA adapter"), (["convert", "m", "o.gguf", "--lora", "dora"], 65, "DoRA"),
            (["quantize", "--plain", "m", "o.qamw", "--lora", "nowhere"], 66, "nowhere"), (["convert", "a", "o.safetensors"], 65, "--lora"),
            (["quantize", "--plain", "a", "o.qamw"], 65, "--lora"), (["eval", "a", "--tokens", "t.u16", "--context", "40"], 65, "--lora"),
        ] {
            let outcome = try Command.run(arguments, in: scratch)
            #expect(outcome.status == status && outcome.errors.contains(says), "\(arguments): \(outcome.status) \(outcome.errors)")
        }
        #expect(try scratch.names == before)
    }
}
