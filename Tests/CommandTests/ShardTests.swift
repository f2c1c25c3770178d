import Architectures
import Converters
import Foundation
import Testing

/// Sets of .qamw files with every command.
@Suite struct ShardTests {
    /// A folder with a quantized model as one file, and as a set with the prefix `s`.
    private static func scratch() throws -> (scratch: Scratch, files: [String]) {
        let scratch = try QuantizeTests.scratch()
        guard try scratch.qamw("quantize", "--plain", ".", "q.qamw", "--recipe", "all", "--quiet").status == 0,
            try scratch.qamw("convert", "q.qamw", "s.qamw", "--max-shard-size", "20KB", "--quiet").status == 0
        else { throw Command.Failure(description: "the set was not made") }
        return (scratch, try scratch.names.filter { $0.hasPrefix("s-") })
    }

    @Test func setsAreWrittenReadAndJoined() throws {
        let (scratch, files) = try Self.scratch()
        #expect(files.count > 2 && files[0] == "s-00001-of-0000\(files.count).qamw")
        let planned = try scratch.qamw("convert", "q.qamw", "t.qamw", "--max-shard-size", "20KB", "--dry-run", "--json").json["bytes"]?.integer
        let written = try scratch.qamw("convert", "q.qamw", "t.qamw", "--max-shard-size", "20KB", "--json").json
        #expect(written["output"]?.text == "t-00001-of-0000\(files.count).qamw" && written["bytes"]?.integer == planned)
        #expect(try files.reduce(0) { $0 + (try scratch.bytes($1).count) } == planned)

        #expect(try scratch.qamw("verify", files[0]).output.hasPrefix("\(files[0]): OK, .qamw 0.3, 19 tensors, "))
        #expect(try scratch.qamw("compare", "q.qamw", files[0], "--max-nmse", "0").status == 0)
        #expect(try scratch.qamw("convert", files[0], "joined.qamw").status == 0)
        #expect(try scratch.bytes("joined.qamw") == scratch.bytes("q.qamw"))
        #expect(try scratch.qamw("convert", files[0], "packed.safetensors", "--packed").status == 0)
        #expect(try scratch.qamw("convert", "packed.safetensors", "unpacked.qamw").status == 0)
        #expect(try scratch.bytes("unpacked.qamw") == scratch.bytes("q.qamw"))
        #expect(try scratch.qamw("quantize", "--plain", files[0], "again.qamw", "--quiet").status == 0)
        #expect(try scratch.qamw("checksum", files[0], files[1]).output.split(separator: "\n").count == 2)
    }

    @Test func setsAreInspected() throws {
        let (scratch, files) = try Self.scratch()
        let whole = try scratch.qamw("inspect", "q.qamw", "--json").json, set = try scratch.qamw("inspect", files[0], "--json").json
        #expect(whole["shards"]?.elements.isEmpty == true)
        #expect(set["shards"]?.elements.compactMap { $0["file"]?.text } == files)
        #expect(set["shards"]?.elements.compactMap { $0["tensors"]?.integer }.reduce(0, +) == whole["tensors"]?.elements.count)
        for (tensor, other) in zip(try #require(set["tensors"]).elements, try #require(whole["tensors"]).elements) {
            #expect(tensor["name"] == other["name"] && tensor["encoding"] == other["encoding"] && tensor["bytes"] == other["bytes"])
            #expect(files.contains(try #require(tensor["file"]?.text)))
        }
        let text = try scratch.qamw("inspect", files[0]).output
        #expect(text.contains("set of \(files.count)") && text.contains(files[2]))
        let lone = try scratch.qamw("inspect", files[1])
        #expect(lone.status == 0 && lone.errors.contains("file 2 of a set of \(files.count)") && lone.errors.contains(files[0]))
        #expect(try scratch.qamw("verify", files[1]).status == 0)
    }

    @Test func aFileThatIsMissingOrAnother() throws {
        let (scratch, files) = try Self.scratch()
        try scratch.write(try scratch.bytes(files[2]), to: "kept")
        try scratch.write([1, 0, 2, 0], to: "t.u16")
        try scratch.remove(files[2])
        let missing = try scratch.qamw("verify", files[0], "--json")
        #expect(missing.status == 65)
        #expect(try missing.json["problems"]?.elements.first?["message"]?.text?.contains(files[2]) == true)
        for command in [
            ["inspect", files[0]], ["convert", files[0], "o.safetensors"], ["compare", files[0], "q.qamw"],
            ["eval", files[0], "--tokens", "t.u16", "--context", "2"],
        ] {
            let outcome = try Command.run(command, in: scratch)
            #expect(outcome.status == 65 && outcome.errors.contains(files[2]), "\(command): \(outcome)")
        }
        try scratch.write(try scratch.bytes(files[1]), to: files[2])
        #expect(try scratch.qamw("verify", files[0]).errors.contains("\(files[2]): section shards: by its name it is file 3"))
        try scratch.write(try scratch.bytes("kept"), to: files[2])
        #expect(try scratch.qamw("verify", files[0]).status == 0)
        var bytes = try scratch.bytes(files[1])
        bytes[bytes.count - 9] ^= 1
        try scratch.write(bytes, to: files[1])
        #expect(try scratch.qamw("convert", files[0], "o.safetensors").status == 65)
        #expect(try !scratch.names.contains("o.safetensors"))
    }

    @Test func metadataOfASet() throws {
        let (scratch, files) = try Self.scratch()
        let edit = try scratch.qamw("metadata", files[0], "--set", "k=u32:7")
        #expect(edit.status == 0 && edit.output == "\(files[0]): changed in place\n")
        #expect(try scratch.qamw("inspect", files[0], "--json").json["metadata"]?["k"]?.integer == 7)
        #expect(try scratch.qamw("verify", files[0]).status == 0)
        let other = try scratch.qamw("metadata", files[1], "--set", "k=u32:7")
        #expect(other.status == 64 && other.errors.contains(files[0]))
    }

    @Test func foldersHoldSets() throws {
        let (scratch, files) = try Self.scratch()
        #expect(try scratch.qamw("convert", "q.qamw", "f/", "--to", "qamw", "--max-shard-size", "20KB").status == 0)
        #expect(scratch.exists("f/model-00001-of-0000\(files.count).qamw") && !scratch.exists("f/config.json"))
        #expect(try scratch.qamw("compare", "f", "q.qamw", "--max-nmse", "0").status == 0)
        #expect(try scratch.qamw("verify", "f").status == 0)
        // A single whole file would hide the set; this is refused before any work is done.
        try scratch.write("mine", to: "f/model.qamw")
        let hidden = try scratch.qamw("convert", "q.qamw", "f/", "--to", "qamw", "--max-shard-size", "20KB", "--force")
        #expect(hidden.status == 73 && hidden.errors.contains("f/model.qamw"))
        try scratch.remove("f/model.qamw")
        let refused = try scratch.qamw("convert", "q.qamw", "f/", "--to", "qamw", "--max-shard-size", "20KB")
        #expect(refused.status == 73 && refused.errors.contains("--force"))
        #expect(try scratch.qamw("convert", "q.qamw", "f/", "--to", "qamw", "--max-shard-size", "20KB", "--force").status == 0)
    }

    @Test func modelsRunFromSets() throws {
        let test = try TestInference("llama"), scratch = test.scratch
        #expect(try scratch.qamw("quantize", "--plain", "m", "q.qamw", "--recipe", "all", "--quiet").status == 0)
        #expect(try scratch.qamw("convert", "q.qamw", "s.qamw", "--max-shard-size", "10KB", "--quiet").status == 0)
        let first = try #require(try scratch.names.first { $0.hasPrefix("s-00001-of-") })
        #expect(try test.perplexity(first) == test.perplexity("q.qamw"))
        let text = try [first, "q.qamw"].map { try scratch.qamw("generate", $0, "--tokens", "t.u16", "--count", "20", "--quiet") }
        #expect(text[0].status == 0 && text[0].output == text[1].output)
        for (model, output) in [(first, "a.safetensors"), ("q.qamw", "b.safetensors")] {
            #expect(try scratch.qamw("calibrate", model, "--tokens", "t.u16", "--context", "20", "-o", output, "--quiet").status == 0)
        }
        #expect(try scratch.bytes("a.safetensors") == scratch.bytes("b.safetensors"))
    }

    /// A file's role that its name does not imply is kept in the packed form, as in .qamw.
    @Test(arguments: ["p.safetensors", "p.gguf"]) func rolesOfFilesArePacked(_ packed: String) throws {
        let scratch = try Scratch()
        try scratch.write(TestInference.testdata("vectors/valid/future-file-role.qamw"), to: "m.qamw")
        #expect(try scratch.qamw("convert", "m.qamw", packed, "--packed").status == 0)
        #expect(try scratch.qamw("convert", packed, "back.qamw").status == 0)
        let files = try ["m.qamw", "back.qamw"].map { try scratch.qamw("inspect", $0, "--json").json["files"] }
        #expect(files[0] == files[1] && files[0]?.elements.first?["role"]?.integer == 200)
    }
}
