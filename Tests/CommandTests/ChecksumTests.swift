import QAMFormat
import Testing

@Suite struct ChecksumTests {
    @Test func theHashesAreThoseOfOtherPrograms() throws {
        let scratch = try Scratch()
        try scratch.write("abc", to: "a")
        try scratch.write([], to: "empty")
        #expect(
            try scratch.qamw("checksum", "a", "--algorithm", "sha256").output
                == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  a\n")
        #expect(try scratch.qamw("checksum", "empty", "a").output == "2d06800538d394c2  empty\n78af5f94892f3950  a\n")
    }

    @Test func piecesAreHashedAsOne() throws {
        let scratch = try Scratch()
        try scratch.write([UInt8](repeating: 0, count: 9_000_000), to: "zeros")
        #expect(
            try scratch.qamw("checksum", "zeros", "--algorithm", "sha256").output
                == "177ffe9ef4bc54e6880afccabfbdb0273a15b89c0e663eabeeb8e9cda211f21f  zeros\n")
        #expect(try scratch.qamw("checksum", "zeros").output == "b89e227213d0f0bc  zeros\n")
    }

    @Test func aManifestIsChecked() throws {
        let scratch = try Scratch()
        try scratch.write("abc", to: "a")
        try scratch.write("def", to: "b\nc\\d")
        let xxh3 = try scratch.qamw("checksum", "a", "b\nc\\d").output
        let sha256 = try scratch.qamw("checksum", "a", "--algorithm", "sha256").output
        #expect(xxh3.contains("\n\\") && xxh3.contains("  b\\nc\\\\d\n"))
        try scratch.write(xxh3 + sha256, to: "SUMS")
        let good = try scratch.qamw("checksum", "--check", "SUMS")
        #expect(good.status == 0 && good.errors.isEmpty)
        #expect(good.output == "a: OK\nb\\nc\\d: OK\na: OK\n")
        #expect(try scratch.qamw("checksum", "--check", "SUMS", "--quiet").output.isEmpty)

        try scratch.write("abd", to: "a")
        let bad = try scratch.qamw("checksum", "--check", "SUMS")
        #expect(bad.status == 65)
        #expect(bad.output == "a: FAILED\nb\\nc\\d: OK\na: FAILED\n")
        #expect(bad.errors == "qamw: warning: 2 computed checksums did NOT match\n")
    }

    @Test func whatIsMissingIsToldApart() throws {
        let scratch = try Scratch()
        try scratch.write("abc", to: "a")
        try scratch.write("78af5f94892f3950  a\n78af5f94892f3950 *gone\nnonsense\n", to: "SUMS")
        let outcome = try scratch.qamw("checksum", "--check", "SUMS")
        #expect(outcome.status == 66)
        #expect(outcome.output == "a: OK\ngone: FAILED open or read\n")
        #expect(outcome.errors.contains("1 line not of the form") && outcome.errors.contains("1 listed file could not be read"))
        try scratch.write("nonsense\n", to: "SUMS")
        #expect(try scratch.qamw("checksum", "--check", "SUMS").status == 65)
        let some = try scratch.qamw("checksum", "gone", "a")
        #expect(some.status == 66)
        #expect(some.output == "78af5f94892f3950  a\n")
    }

    /// The line of a file whose name contains a carriage return is parsed as it was written.
    @Test func namesWithBreaksComeBack() throws {
        let scratch = try Scratch()
        try scratch.write("abc", to: "r\rn\nt\tb\\")
        try scratch.write(try scratch.qamw("checksum", "r\rn\nt\tb\\").output, to: "SUMS")
        #expect(try scratch.qamw("checksum", "--check", "SUMS").status == 0)
    }

    /// The hash and the name in each line, without the file name.
    private static func tensors(_ output: String) -> Set<Substring> { Set(output.split(separator: "\n").map { $0.prefix { $0 != "\t" } }) }

    @Test(arguments: ["xxh3", "sha256"]) func tensorsHaveOneHashWhateverFileTheyLieIn(_ algorithm: String) throws {
        let scratch = try Scratch()
        var model = try TestModel.llama()
        model.tensors.append(try .values("scalar", [3], shape: []))
        try scratch.write(model.safetensors, to: "m.safetensors")
        for arguments in [
            ["m.safetensors", "m.gguf", "--names", "keep"], ["m.safetensors", "m.qamw"], ["m.qamw", "s/", "--to", "safetensors", "--max-shard-size", "30KB"],
            ["m.qamw", "q.qamw", "--max-shard-size", "30KB"],
        ] {
            #expect(try Command.run(["convert"] + arguments, in: scratch).status == 0)
        }
        let first = try scratch.qamw("checksum", "--tensors", "--algorithm", algorithm, "m.safetensors")
        #expect(first.status == 0 && Self.tensors(first.output).count == 20 && first.output.hasSuffix("\tm.safetensors\n"))
        for other in ["m.gguf", "m.qamw", "s", "q-00001-of-00009.qamw"] {
            let lines = try scratch.qamw("checksum", "--tensors", "--algorithm", algorithm, "--threads", "3", other)
            #expect(lines.status == 0 && Self.tensors(lines.output) == Self.tensors(first.output), "\(other)")
        }
    }

    /// The hash input is as documented.
    @Test func aTensorsHashIsOfTypeShapeAndElements() throws {
        let scratch = try Scratch()
        let tensor = try TestModel.Tensor.values("a.weight", [1, 2, 3, 4, 5, 6], shape: [2, 3], dtype: .bf16)
        try scratch.write(TestModel(tensors: [tensor]).safetensors, to: "m.safetensors")
        try scratch.write(Array("BF16 [2,3]\n".utf8) + tensor.bytes, to: "preimage")
        let hash = try scratch.qamw("checksum", "preimage").output.prefix(16)
        #expect(try scratch.qamw("checksum", "--tensors", "m.safetensors").output == "\(hash) #a.weight\tm.safetensors\n")
        var other = tensor
        other.shape = [3, 2]
        try scratch.write(TestModel(tensors: [other]).safetensors, to: "o.safetensors")
        #expect(try !scratch.qamw("checksum", "--tensors", "o.safetensors").output.hasPrefix(hash))
    }

    @Test func quantizedTensorsAndAliasesHaveHashesToo() throws {
        let scratch = try Scratch()
        var model = try TestModel.llama(width: 256, hidden: 256, vocabulary: 256)
        let embedding = model.tensors[0]
        model.tensors.removeAll { $0.name == "lm_head.weight" }
        model.tensors.append(TestModel.Tensor(name: "lm_head.weight", shape: embedding.shape, dtype: embedding.dtype, bytes: embedding.bytes))
        try scratch.write(model.safetensors, to: "m.safetensors")
        #expect(try scratch.qamw("quantize", "--plain", "m.safetensors", "q.qamw").status == 0)
        #expect(try scratch.qamw("quantize", "--plain", "m.safetensors", "other.qamw", "--seed", "7").status == 0)
        #expect(try scratch.qamw("convert", "q.qamw", "p.safetensors", "--packed").status == 0)
        let lines = try scratch.qamw("checksum", "--tensors", "q.qamw").output
        #expect(Self.tensors(lines) == Self.tensors(try scratch.qamw("checksum", "--tensors", "p.safetensors").output))
        let raw = Self.tensors(try scratch.qamw("checksum", "--tensors", "m.safetensors").output)
        let common = raw.intersection(Self.tensors(lines))
        #expect(common.contains { $0.hasSuffix("#lm_head.weight") } && common.contains { $0.hasSuffix("#model.embed_tokens.weight") })
        #expect(!common.contains { $0.hasSuffix("q_proj.weight") })
        #expect(Self.tensors(lines).intersection(Self.tensors(try scratch.qamw("checksum", "--tensors", "other.qamw").output)) == common)
    }

    @Test func tensorsAreCheckedInAnyFile() throws {
        let scratch = try Scratch()
        var model = try TestModel.llama()
        model.tensors[0].name = "odd\tname\\"
        try scratch.write(model.safetensors, to: "m.safetensors")
        #expect(try scratch.qamw("convert", "m.safetensors", "m.qamw").status == 0)
        try scratch.write(try scratch.qamw("checksum", "--tensors", "m.safetensors").output, to: "SUMS")
        let good = try scratch.qamw("checksum", "--check", "SUMS")
        #expect(good.status == 0 && good.errors.isEmpty && good.output.split(separator: "\n").count == 19)
        #expect(try scratch.qamw("checksum", "--check", "SUMS", "m.qamw", "--quiet").output.isEmpty)
        model.tensors[1].bytes[0] ^= 1
        model.tensors[2].name = "renamed"
        try scratch.write(model.safetensors, to: "m.safetensors")
        let bad = try scratch.qamw("checksum", "--check", "SUMS", "--quiet")
        #expect(bad.status == 65)
        #expect(bad.output.contains("model.layers.0.input_layernorm.weight: FAILED\n") && bad.output.contains("q_proj.weight: FAILED open or read\n"))
        #expect(bad.errors.contains("1 tensor not listed") && bad.errors.contains("1 listed tensor could not be read"))
        try scratch.remove("m.safetensors")
        #expect(try scratch.qamw("checksum", "--check", "SUMS").status == 66)
        try scratch.write("78af5f94892f3950  a\n", to: "FILES")
        #expect(try scratch.qamw("checksum", "--check", "FILES", "m.qamw").status == 64)
        for wrong in [["--check", "SUMS", "a", "b"], ["--check", "SUMS", "--tensors"], ["--tensors"]] {
            #expect(try Command.run(["checksum"] + wrong, in: scratch).status == 64)
        }
    }
}
