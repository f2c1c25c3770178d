import Converters
import Foundation
import QAMFormat
import Testing

/// Models in PyTorch's files, through the command: the same model as in safetensors.
@Suite struct PyTorchCommandTests {
    /// The tiny llama as `m`, and as `bin` with its weights in pytorch_model.bin.
    private static func models() throws -> TestInference {
        let test = try TestInference("llama")
        try FileManager.default.createDirectory(atPath: test.scratch.path("bin"), withIntermediateDirectories: true)
        try test.scratch.write(test.scratch.bytes("m/config.json"), to: "bin/config.json")
        try test.scratch.write(TestInference.testdata("pytorch/llama/pytorch_model.bin"), to: "bin/pytorch_model.bin")
        return test
    }

    @Test func theModelIsThatOfTheSafetensorsFile() throws {
        let test = try Self.models(), scratch = test.scratch
        #expect(try scratch.qamw("verify", "bin").status == 0)
        #expect(try scratch.qamw("compare", "m", "bin", "--max-nmse", "0").status == 0)
        let perplexity = try #require(try test.perplexity("m"))
        #expect(try test.perplexity("bin") == perplexity)
        let hashes = try ["m", "bin"].map { try Self.hashes($0, in: scratch) }
        #expect(hashes[0] == hashes[1] && hashes[0].count == 21)
        for (input, name) in [("m", "a"), ("bin", "b")] {
            #expect(try scratch.qamw("convert", input, "\(name)/", "--to", "safetensors").status == 0)
            #expect(try scratch.qamw("quantize", "--plain", input, "\(name).qamw", "--bits", "4.5").status == 0)
            #expect(try scratch.qamw("convert", input, "\(name).gguf", "--dtype", "f32").status == 0)
        }
        let (first, second) = try (SafetensorsSource(path: scratch.path("a/model.safetensors")), SafetensorsSource(path: scratch.path("b/model.safetensors")))
        for (index, tensor) in first.tensors.enumerated() {
            let other = try #require(second.tensors.firstIndex { $0.name == tensor.name })
            let isEqual = try first.read(0..<tensor.byteCount, of: index).streams == second.read(0..<tensor.byteCount, of: other).streams
            #expect(isEqual && second.tensors[other] == tensor, "\(tensor.name)")
        }
        for name in ["qamw", "gguf"] { #expect(try scratch.qamw("compare", "a.\(name)", "b.\(name)", "--max-nmse", "0").status == 0, "\(name)") }
        #expect(try scratch.bytes("b/config.json") == scratch.bytes("a/config.json"))
    }

    /// Hashes of tensors by name, whatever file they are in.
    private static func hashes(_ model: String, in scratch: Scratch) throws -> [String] {
        let outcome = try scratch.qamw("checksum", "--tensors", model)
        #expect(outcome.status == 0, "\(outcome.errors)")
        return outcome.output.split(separator: "\n").map { String($0.split(separator: "\t")[0]) }.sorted()
    }

    @Test func aSingleFileIsAModel() throws {
        let scratch = try Scratch(), file = TestInference.path("pytorch/types.pt"), expected = TestInference.path("pytorch/types.safetensors")
        #expect(try scratch.qamw("convert", file, "o.safetensors").status == 0)
        #expect(try scratch.qamw("convert", file, "o.qamw").status == 0)
        let hashes = try Self.hashes(expected, in: scratch)
        for model in [file, "o.safetensors", "o.qamw"] { #expect(try Self.hashes(model, in: scratch) == hashes, "\(model)") }
    }

    @Test func shardsAreOneModel() throws {
        let scratch = try Scratch()
        try FileManager.default.copyItem(atPath: TestInference.path("pytorch/sharded"), toPath: scratch.path("m"))
        #expect(try scratch.qamw("verify", "m").status == 0)
        #expect(try scratch.qamw("convert", "m", "o.safetensors").status == 0)
        #expect(try scratch.qamw("compare", "m", "o.safetensors", "--max-nmse", "0").status == 0)
        #expect(try Self.hashes("m", in: scratch) == Self.hashes("o.safetensors", in: scratch))
        // Never a part of the model.
        let second = "pytorch_model-00002-of-00002.bin"
        try FileManager.default.removeItem(atPath: scratch.path("m/\(second)"))
        for output in ["p.safetensors", "p.qamw"] {
            let outcome = try scratch.qamw("convert", "m", output)
            #expect(outcome.status == 65 && outcome.errors.contains(second) && !scratch.exists(output), "\(outcome.status) \(outcome.errors)")
        }
    }

    @Test func aDamagedFileIsRefused() throws {
        let test = try Self.models(), scratch = test.scratch
        var bytes = try scratch.bytes("bin/pytorch_model.bin")
        bytes[bytes.count / 2] ^= 1
        try scratch.write(bytes, to: "bin/pytorch_model.bin")
        let verified = try scratch.qamw("verify", "bin")
        #expect(verified.status == 65 && verified.errors.contains("pytorch_model.bin"), "\(verified.errors)")
        try scratch.write(Array(bytes.prefix(bytes.count / 2)), to: "bin/pytorch_model.bin")
        let before = try scratch.names
        for arguments in [["convert", "bin", "o.gguf"], ["quantize", "--plain", "bin", "o.qamw"], ["convert", "bin", "o/", "--to", "safetensors"]] {
            #expect(try Command.run(arguments, in: scratch).status == 65, "\(arguments)")
        }
        #expect(try scratch.names == before)
    }

    /// DataParallel and torch.compile put the attribute before all names by which they hold the model.
    @Test(arguments: ["module.", "_orig_mod.", "module._orig_mod."])
    func namesOfWrappersAreTakenOff(_ prefix: String) throws {
        let scratch = try Scratch(), plain = try TestModel.llama()
        var wrapped = plain
        for index in wrapped.tensors.indices { wrapped.tensors[index].name = prefix + wrapped.tensors[index].name }
        try scratch.write(plain.safetensors, to: "plain.safetensors")
        try scratch.write(wrapped.safetensors, to: "wrapped.safetensors")
        for arguments in [["--dtype", "f32"], []] {
            let outcome = try Command.run(["convert", "wrapped.safetensors", "o.safetensors", "--force"] + arguments, in: scratch)
            #expect(outcome.status == 0 && outcome.errors.contains("all names begin with \"\(prefix)\""), "\(outcome.errors)")
            let names = try SafetensorsSource(path: scratch.path("o.safetensors")).tensors.map(\.name).sorted()
            #expect(names == plain.tensors.map(\.name).sorted())
        }
        #expect(try scratch.qamw("convert", "wrapped.safetensors", "o.qamw").status == 0)
        #expect(try scratch.qamw("quantize", "--plain", "wrapped.safetensors", "q.qamw").status == 0)
        for model in ["wrapped.safetensors", "o.safetensors", "o.qamw"] {
            #expect(try scratch.qamw("compare", "plain.safetensors", model, "--max-nmse", "0").status == 0, "\(model)")
        }
        #expect(try scratch.qamw("quantize", "--plain", "plain.safetensors", "p.qamw").status == 0)
        #expect(try scratch.qamw("compare", "p.qamw", "q.qamw", "--max-nmse", "0").status == 0)
        // What is stored is shown as it is stored. A prefix of some names only is part of them.
        #expect(try scratch.qamw("inspect", "wrapped.safetensors", "--tensors").output.contains("\(prefix)lm_head.weight"))
        wrapped.tensors[0].name = "x"
        try scratch.write(wrapped.safetensors, to: "some.safetensors")
        let outcome = try scratch.qamw("convert", "some.safetensors", "some.qamw")
        #expect(outcome.status == 0 && !outcome.errors.contains("all names"))
    }
}
