import Converters
import QAMFormat
import Testing

/// Model folders and indexes as they occur, valid and broken.
@Suite struct HuggingFaceFolderTests {
    private func model(_ names: [String], _ metadata: String = "") -> [UInt8] {
        var end = 0
        let entries = names.map { name in
            defer { end += 2 }
            return "\"\(name)\":{\"dtype\":\"BF16\",\"shape\":[1],\"data_offsets\":[\(end),\(end + 2)]}"
        }
        let all = (metadata.isEmpty ? [] : ["\"__metadata__\":{\(metadata)}"]) + entries
        return safetensors("{\(all.joined(separator: ","))}", data: noise(2 * names.count, seed: UInt64(names.count)))
    }

    private func index(_ map: [(String, String)], totalSize: String? = nil) -> String {
        let metadata = totalSize.map { "\"metadata\":{\"total_size\":\($0)}," } ?? ""
        return "{\(metadata)\"weight_map\":{\(map.map { "\"\($0)\":\"\($1)\"" }.joined(separator: ","))}}"
    }

    @Test func sideFilesComeAlong() throws {
        let folder = try ScratchFolder()
        try folder.write(model(["a"]), "model.safetensors")
        let taken = [
            "LICENSE", "NOTICE.third-party", "README.md", "chat_template.jinja", "config.json", "merges.txt", "modeling_x.py", "tokenizer.model",
            "vocab.tiktoken",
        ]
        for name in taken { try folder.write(name, name) }
        for name in ["pytorch_model.bin", "other.safetensors", "pytorch_model.bin.index.json", ".gitattributes"] { try folder.write(name, name) }
        _ = try folder.folder("onnx")
        _ = try folder.folder("odd.json")
        let source = try HuggingFaceFolder(path: folder.path)
        #expect(source.files.map(\.name) == taken)
        #expect(try source.files[4].read(0..<11) == Array("config.json".utf8))
        #expect(
            source.warnings == [
                "\(folder.path): there is also pytorch_model.bin, pytorch_model.bin.index.json; model.safetensors is taken, as transformers does",
                "not taken along from \(folder.path): odd.json, onnx, other.safetensors",
            ])
        #expect(source.inputs == (["model.safetensors"] + taken).map { folder.path($0) })

        let single = try HuggingFaceFolder(path: folder.path("model.safetensors"))
        #expect(single.files.isEmpty && single.warnings.isEmpty && single.inputs.count == 1)
    }

    @Test func fingerprintTellsChangedFiles() throws {
        let folder = try ScratchFolder()
        try folder.write(model(["a"]), "model.safetensors")
        try folder.write("{}", "config.json")
        let first = try HuggingFaceFolder(path: folder.path).fingerprint
        #expect(try HuggingFaceFolder(path: folder.path + "/").fingerprint == first)
        try folder.write("{ }", "config.json")
        let second = try HuggingFaceFolder(path: folder.path).fingerprint
        #expect(second != first)
        try folder.write(model(["b"]), "model.safetensors")
        #expect(try HuggingFaceFolder(path: folder.path).fingerprint != second)
    }

    @Test func wholeModelGoesBeforeAnIndex() throws {
        let folder = try ScratchFolder()
        try folder.write(model(["whole"]), "model.safetensors")
        try folder.write(model(["part"]), "model-00001-of-00001.safetensors")
        let indexPath = try folder.write(index([("part", "model-00001-of-00001.safetensors")]), "model.safetensors.index.json")
        let source = try HuggingFaceFolder(path: folder.path)
        #expect(source.tensors.map(\.name) == ["whole"])
        #expect(source.warnings.contains { $0.contains("as transformers does") })
        #expect(try HuggingFaceFolder(path: indexPath).tensors.map(\.name) == ["part"])
    }

    @Test func emptyFolderAndAbsentPath() throws {
        let folder = try ScratchFolder()
        #expect { try HuggingFaceFolder(path: folder.path) } throws: { ($0 as? QAMError)?.code == .notFound }
        #expect { try HuggingFaceFolder(path: folder.path("absent")) } throws: { ($0 as? QAMError)?.code == .notFound }
    }

    /// The message is helpful if no model is found.
    @Test(arguments: [
        (["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "config.json"], ["model.safetensors.index.json, is missing"]),
        (
            ["diffusion_pytorch_model-00001-of-00002.safetensors", "a.safetensors.index.json", "b.safetensors.index.json"],
            ["give its index: a.safetensors.index.json and 1 more"]
        ),
        (["model_index.json"], ["pipeline"]), (["a.safetensors", "b.safetensors"], ["name its file: a.safetensors and 1 more"]),
        (["model.pt", "training_args.bin", "config.json"], ["name its file: model.pt"]), (["training_args.bin", "optimizer.pt"], ["holds neither"]),
        (["pytorch_model-00001-of-00002.bin", "config.json"], ["pytorch_model.bin.index.json, is missing"]), (["consolidated.00.pth"], ["Meta's"]),
        (["consolidated.safetensors"], ["consolidated.safetensors", "model*.safetensors"]),
    ])
    func advice(names: [String], words: [String]) throws {
        let folder = try ScratchFolder()
        for name in names { try folder.write("x", name) }
        #expect { try HuggingFaceFolder(path: folder.path) } throws: { error in
            guard let error = error as? QAMError, error.code == .notFound else { return false }
            return words.allSatisfy(error.message.contains)
        }
    }

    /// The only model in a folder may have any name.
    @Test func theOnlyModelIsTaken() throws {
        let folder = try ScratchFolder()
        try folder.write(model(["a"]), "pytorch.safetensors")
        for name in ["consolidated.safetensors", "adapter_model.safetensors", "x-00001-of-00002.safetensors"] { try folder.write("x", name) }
        try folder.write("{}", "config.json")
        let source = try HuggingFaceFolder(path: folder.path)
        #expect(source.tensors.map(\.name) == ["a"] && source.files.map(\.name) == ["config.json"])
        try folder.write(model(["b"]), "x-00001-of-00002.safetensors")
        try folder.write(model(["c"]), "x-00002-of-00002.safetensors")
        try folder.write(index([("b", "x-00001-of-00002.safetensors"), ("c", "x-00002-of-00002.safetensors")]), "x.safetensors.index.json")
        #expect(try HuggingFaceFolder(path: folder.path).tensors.map(\.name) == ["b", "c"])
    }

    @Test func aShardAloneIsNoModel() throws {
        let folder = try ScratchFolder()
        let lone = try folder.write(model(["a"]), "model-00002-of-00003.safetensors")
        #expect(try HuggingFaceFolder(path: lone).warnings.contains { $0.contains("one of 3 shards") })
        for name in ["model-00001-of-00001.safetensors", "model-1-of-3.safetensors", "-00001-of-00003.safetensors"] {
            #expect(try HuggingFaceFolder(path: folder.write(model(["a"]), name)).warnings.isEmpty)
        }
    }

    @Test func shardsInOrderOfTheirNames() throws {
        let folder = try ScratchFolder()
        try folder.write(model(["d", "c"], #""format":"pt","x":"1""#), "s1.safetensors")
        try folder.write(model(["b"], #""format":"pt","x":"2","y":"3""#), "s0.safetensors")
        let path = try folder.write(index([("d", "s1.safetensors"), ("b", "s0.safetensors"), ("c", "s1.safetensors")], totalSize: "6"), "i.index.json")
        let source = try HuggingFaceFolder(path: path)
        #expect(source.tensors.map(\.name) == ["b", "d", "c"])
        #expect(source.metadata.entries.map(\.key) == ["format", "x", "y"])
        #expect(source.metadata["x"] == .string("2"))
        #expect(source.warnings.count == 1 && source.warnings[0].contains("\"x\""))
        #expect(try payload(source, 1) == [Array(noise(4, seed: 2)[0..<2])])
        #expect(try payload(source, 0) == [noise(2, seed: 1)])
    }

    @Test(arguments: ["../s.safetensors", "/s.safetensors", "a/s.safetensors", "..\\\\s.safetensors", "..", ".", "", "s\\u0000.safetensors", "s\\n"])
    func shardNamesThatLeadElsewhere(_ shard: String) throws {
        let folder = try ScratchFolder()
        let path = try folder.write(index([("a", shard)]), "i.index.json")
        #expect { try ShardedSource(indexPath: path, opening: SafetensorsSource.init(path:)) } throws: {
            ($0 as? QAMError)?.code == .malformed && ($0 as? QAMError)?.message.contains("plain file name") == true
        }
    }

    @Test func indexesThatContradictTheirShards() throws {
        let folder = try ScratchFolder()
        try folder.write(model(["a"]), "s0")
        try folder.write(model(["b"]), "s1")
        try folder.write(model(["a", "c"]), "s2")
        let cases: [(String, String)] = [
            ("shard absent", index([("a", "s0"), ("b", "nope")])),
            ("tensor absent from its shard", index([("a", "s0"), ("z", "s0")])),
            ("tensor that the index does not name", index([("a", "s2")])),
            ("tensor in another shard", index([("a", "s1"), ("b", "s0")])),
            ("tensor in two shards", index([("a", "s0"), ("c", "s2")])),
            ("duplicate tensor", index([("a", "s0"), ("a", "s0")])),
            ("duplicate weight_map", "{\"weight_map\":{\"a\":\"s0\"},\"weight_map\":{\"a\":\"s0\"}}"),
            ("no weight_map", "{\"metadata\":{}}"),
            ("weight_map no object", "{\"weight_map\":[]}"),
            ("shard no string", "{\"weight_map\":{\"a\":1}}"),
            ("total_size no size", index([("a", "s0")], totalSize: "1.5")),
            ("nesting bomb", "{\"x\":" + String(repeating: "[", count: 100_000)),
            ("trailing data", index([("a", "s0")]) + "x"),
        ]
        for (what, text) in cases {
            let path = try folder.write(text, "i.index.json")
            #expect { try ShardedSource(indexPath: path, opening: SafetensorsSource.init(path:)) } throws: {
                ($0 as? QAMError)?.code == .malformed && ($0 as? QAMError)?.place.file == path
            }
            _ = what
        }
        let path = try folder.write(index([("a", "s0")], totalSize: "2.0"), "i.index.json")
        #expect(try ShardedSource(indexPath: path, opening: SafetensorsSource.init(path:)).warnings.isEmpty)
        try folder.write(index([("a", "s0")], totalSize: "3"), "i.index.json")
        #expect(try ShardedSource(indexPath: path, opening: SafetensorsSource.init(path:)).warnings.count == 1)
    }

    @Test func namesThatDifferOnlyInUnicodeFormAreTwo() throws {
        let folder = try ScratchFolder()
        try folder.write(model(["\u{E9}", "e\u{301}"]), "s0")
        let path = try folder.write(index([("\u{E9}", "s0"), ("e\u{301}", "s0")]), "i.index.json")
        #expect(try ShardedSource(indexPath: path, opening: SafetensorsSource.init(path:)).tensors.count == 2)
    }

    @Test func filesAreKnownByTheirContent() throws {
        let folder = try ScratchFolder()
        func kind(_ bytes: [UInt8]) throws -> FileKind { try FileKind.of(path: try folder.write(bytes, "model.safetensors")) }
        #expect(try kind(model(["a"])) == .safetensors)
        #expect(try kind(Array(index([("a", "s")]).utf8)) == .shardIndex)
        #expect(try kind(Array("GGUF\u{3}\u{0}\u{0}\u{0}".utf8)) == .gguf)
        #expect(try kind([0x89, 0x51, 0x41, 0x4D, 0x0D, 0x0A, 0x1A, 0x0A]) == .qamw)
        #expect(try kind([0x50, 0x4B, 3, 4, 0, 0]) == .pytorch)
        #expect(try kind(noise(100, seed: 3)) == .unknown)
        #expect(try FileKind.of(path: folder.path) == .folder)
        // The header length may look like the first bytes of a pickle or gzip file.
        for length: UInt64 in [0x0280, 0x8B1F] { #expect(try kind(safetensors("{", length: length)) == .safetensors) }
        let foreign: [([UInt8], String)] = [
            (Array("version https://git-lfs.github.com/spec/v1\noid sha256:0\n".utf8), "git lfs pull"), (Array("<!DOCTYPE html>\n<html>".utf8), "web page"),
            (Array("\n <html lang=en>".utf8), "web page"), (Array("\u{FEFF}<!doctype html>".utf8), "web page"),
            ([0x80, 2, 0x8A, 0x0A], "pickle"), ([0x1F, 0x8B, 8, 0], "gzip"),
            ([], "empty"), (Array("{\"a\":1}".utf8), "JSON"), (Array("tjgg".utf8), "GGJT"), ([0x28, 0xB5, 0x2F, 0xFD], "zstd"),
        ]
        for (bytes, word) in foreign {
            let refusal = try #require(try kind(bytes).refusal)
            #expect(refusal.message.contains(word), "\(refusal.message)")
        }
    }
}
