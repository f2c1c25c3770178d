import Architectures
import Converters
import Foundation
import QAMFormat
import Testing

/// GGUF with every command.
@Suite struct GGUFTests {
    /// A folder with a model as safetensors and as GGUF.
    private static func scratch() throws -> Scratch {
        let scratch = try QuantizeTests.scratch()
        guard try scratch.qamw("convert", "model.safetensors", "m.gguf").status == 0 else { throw Command.Failure(description: "convert failed") }
        return scratch
    }

    @Test func toGGUFAndBackNothingChanges() throws {
        let scratch = try Self.scratch()
        #expect(try scratch.qamw("compare", "model.safetensors", "m.gguf", "--max-nmse", "0").status == 0)
        #expect(try scratch.qamw("convert", "m.gguf", "m.qamw", "--json").json["tensors"]?["raw"]?.integer == 19)
        #expect(try scratch.qamw("convert", "m.qamw", "again.gguf").status == 0)
        #expect(try scratch.bytes("again.gguf") == scratch.bytes("m.gguf"))
        #expect(try scratch.qamw("convert", "m.gguf", "back.safetensors").status == 0)
        #expect(try scratch.qamw("compare", "model.safetensors", "back.safetensors", "--max-nmse", "0").status == 0)
    }

    @Test func itIsInspected() throws {
        let scratch = try Self.scratch()
        let json = try scratch.qamw("inspect", "m.gguf", "--json").json
        #expect(json["format"]?.text == "gguf" && json["version"]?.text == "3")
        #expect(json["metadata"] == ["format": "pt"])
        let tensors = try #require(json["tensors"]).elements
        #expect(tensors.count == 19)
        let bytes = try scratch.bytes("m.gguf"), model = try TestModel.llama().tensors
        for (tensor, original) in zip(tensors, model) {
            #expect(tensor["name"]?.text == original.name && tensor["dtype"]?.text == original.dtype.name)
            #expect(tensor["shape"]?.elements.compactMap(\.integer) == original.shape)
            let offset = try #require(tensor["offset"]?.integer), count = try #require(tensor["bytes"]?.integer)
            #expect(Array(bytes[offset..<offset + count]) == original.bytes)
        }
        let sections = try #require(json["sections"]).elements
        #expect(sections.map { $0["name"]?.text } == ["header", "data"])
        #expect(try scratch.qamw("inspect", "m.gguf").output.contains("GGUF 3"))
    }

    @Test func itIsVerified() throws {
        let scratch = try Self.scratch()
        let sound = try scratch.qamw("verify", "m.gguf")
        #expect(sound.status == 0 && sound.errors.isEmpty)
        #expect(sound.output == "m.gguf: OK, GGUF 3, 19 tensors, structure verified (the format has no checksums)\n")
        #expect(try scratch.qamw("verify", "m.gguf", "--json").json["bytesVerified"]?.integer ?? 0 > 100_000)

        // An infinity in the first tensor is reported, unless payloads are not read.
        var bytes = try scratch.bytes("m.gguf")
        let tensor = try #require(try scratch.qamw("inspect", "m.gguf", "--json").json["tensors"]?.elements.first)
        let offset = try #require(tensor["offset"]?.integer), name = try #require(tensor["name"]?.text)
        bytes.replaceSubrange(offset..<offset + 2, with: [0x80, 0x7F])
        try scratch.write(bytes, to: "bad.gguf")
        let warned = try scratch.qamw("verify", "bad.gguf")
        #expect(warned.status == 0 && warned.errors == "qamw: warning: bad.gguf: tensor \"\(name)\": 1 NaN or infinite value or scale\n")
        #expect(try scratch.qamw("verify", "bad.gguf", "--json").json["warnings"]?.elements.count == 1)
        #expect(try scratch.qamw("verify", "bad.gguf", "--header-only").errors.isEmpty)
        #expect(try scratch.qamw("verify", "bad.gguf", "--tensor", "lm_head.weight").errors.isEmpty)
        #expect(try scratch.qamw("verify", "bad.gguf", "--tensor", name).errors == warned.errors)

        try scratch.write(Array(bytes[..<(bytes.count - 100)]), to: "cut.gguf")
        let cut = try scratch.qamw("verify", "cut.gguf", "--json")
        #expect(cut.status == 65)
        #expect(try cut.json["problems"]?.elements.first?["code"]?.text == "truncated")
        #expect(try cut.json["format"]?.text == "gguf")
    }

    @Test func setsAreSplitAndJoined() throws {
        let scratch = try Self.scratch()
        let split = try scratch.qamw("convert", "m.gguf", "s.gguf", "--max-shard-size", "50KB", "--json").json
        let names = try scratch.names.filter { $0.hasPrefix("s-") }
        #expect(split["output"]?.text == names.first)
        #expect(names.first == "s-00001-of-0000\(names.count).gguf" && names.count > 2)
        #expect(try scratch.qamw("verify", names[0]).status == 0)
        #expect(try scratch.qamw("convert", names[0], "joined.gguf").status == 0)
        #expect(try scratch.bytes("joined.gguf") == scratch.bytes("m.gguf"))
        let json = try scratch.qamw("inspect", names[0], "--json").json
        #expect(json["tensors"]?.elements.last?["file"]?.text == names.last)
        #expect(try scratch.qamw("verify", names[1]).status == 65)
        // Joined by cat, the parts are no model.
        try scratch.write(names.flatMap { try scratch.bytes($0) }, to: "cat.gguf")
        for command in ["verify", "inspect"] {
            let joined = try scratch.qamw(command, "cat.gguf")
            let text = joined.errors + joined.output
            #expect(joined.status == 65 && text.contains("another GGUF file follows the last tensor: files were joined as with cat"), "\(command): \(text)")
        }
        try scratch.remove(names[2])
        let outcome = try scratch.qamw("verify", names[0])
        #expect(outcome.status == 65 && outcome.errors.contains(names[2]))
        // Folders keep their side files.
        #expect(try scratch.qamw("convert", ".", "folder/", "--to", "gguf", "--names", "keep", "--max-shard-size", "50KB").status == 0)
        #expect(scratch.exists("folder/config.json") && scratch.exists("folder/model-00001-of-0000\(names.count).gguf"))
        #expect(try scratch.qamw("convert", "folder", "f.qamw").status == 0)
        #expect(try scratch.qamw("inspect", "f.qamw", "--json").json["files"]?.elements.first?["name"]?.text == "config.json")
        #expect(try scratch.qamw("verify", "folder", "--json").json["format"]?.text == "gguf")
    }

    @Test func packedGGUFGivesTheSameFileBack() throws {
        let scratch = try Self.scratch()
        #expect(try scratch.qamw("quantize", "--plain", ".", "q.qamw").status == 0)
        #expect(try scratch.qamw("convert", "q.qamw", "p.gguf", "--packed").status == 0)
        #expect(try scratch.qamw("verify", "p.gguf").errors.isEmpty)
        #expect(try scratch.qamw("convert", "p.gguf", "again.qamw").status == 0)
        #expect(try scratch.bytes("again.qamw") == scratch.bytes("q.qamw"))
        #expect(try scratch.qamw("compare", "q.qamw", "p.gguf", "--max-nmse", "0").status == 0)
        #expect(try scratch.qamw("convert", "q.qamw", "packed/", "--to", "gguf", "--packed").status == 0)
        #expect(scratch.exists("packed/config.json"))
        #expect(try scratch.qamw("convert", "packed", "third.qamw").status == 0)
        #expect(try scratch.bytes("third.qamw") == scratch.bytes("q.qamw"))
        #expect(try scratch.qamw("convert", "q.qamw", "p.gguf", "--packed", "--alignment", "64").status == 64)
    }

    @Test func alignmentAndTypes() throws {
        let scratch = try Self.scratch()
        #expect(try scratch.qamw("convert", "m.gguf", "a.gguf", "--alignment", "4096", "--dtype", "f16").status == 0)
        let json = try scratch.qamw("inspect", "a.gguf", "--json").json
        #expect(json["metadata"]?["general.alignment"]?.integer == 4096)
        for tensor in json["tensors"]?.elements ?? [] { #expect((tensor["offset"]?.integer ?? 1) % 4096 == 0) }
        #expect(try scratch.qamw("compare", "m.gguf", "a.gguf", "--max-nmse", "1e-6").status == 0)
        for value in ["0", "3", "-8", "x"] {
            #expect(try scratch.qamw("convert", "m.gguf", "b.gguf", "--alignment", value).status == 64)
        }
        #expect(try scratch.qamw("convert", "m.gguf", "b.qamw", "--alignment", "64").status == 64)
        #expect(try scratch.qamw("convert", "m.gguf", "m.gguf", "--force").status == 73)
        #expect(try scratch.qamw("convert", "m.gguf", "d.gguf", "--dry-run", "--json").json["bytes"]?.integer == scratch.bytes("m.gguf").count)
        #expect(!scratch.exists("d.gguf"))
    }

    @Test func metadataAreEdited() throws {
        let scratch = try Self.scratch()
        let inPlace = try scratch.qamw("metadata", "m.gguf", "--set", "format=string:pq")
        #expect(inPlace.output == "m.gguf: changed in place\n")
        let rewritten = try scratch.qamw("metadata", "m.gguf", "--set", "list=u32[]:[1,2,3]", "--set", "on=bool:true", "--set", "x=f32:0.5")
        #expect(rewritten.output == "m.gguf: rewritten\n")
        let json = try scratch.qamw("inspect", "m.gguf", "--json").json
        #expect(json["metadata"] == ["format": "pq", "list": [1, 2, 3], "on": true, "x": .number(0.5)])
        #expect(try scratch.qamw("metadata", "m.gguf", "--remove", "list", "--remove", "on", "--remove", "x").status == 0)
        #expect(try scratch.qamw("compare", "model.safetensors", "m.gguf", "--max-nmse", "0").status == 0)
        let missing = try scratch.qamw("metadata", "m.gguf", "--remove", "nothing")
        #expect(missing.status == 64 && missing.errors == "qamw: m.gguf: there is no metadata \"nothing\" to remove\n")
        #expect(try scratch.qamw("metadata", "m.gguf", "--set", "general.alignment=u32:33").status == 64)
        #expect(try scratch.qamw("verify", "m.gguf").errors.isEmpty)
    }

    @Test func hashesAreThoseOfTheFile() throws {
        let scratch = try Self.scratch()
        try scratch.write(try scratch.qamw("checksum", "m.gguf", "--algorithm", "sha256").output, to: "SUMS")
        #expect(try scratch.qamw("checksum", "--check", "SUMS").output == "m.gguf: OK\n")
    }

    @Test func everyMalformedFileHasItsVerdict() throws {
        let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../testdata/malformed").standardizedFileURL
        let cases = try JSONValue(parsing: Array(try Data(contentsOf: folder.appending(path: "cases.json"))), section: "cases").elements
        let scratch = try Scratch()
        var count = 0
        for item in cases {
            guard let file = item["file"]?.text, file.hasSuffix(".gguf"), let expect = item["expect"]?.text else { continue }
            count += 1
            let outcome = try scratch.qamw("verify", folder.appending(path: file).path)
            let lines = outcome.errors.split(separator: "\n")
            switch expect {
            case "reject": #expect(outcome.status == 65 && lines.count == 1 && lines[0].hasPrefix("qamw: /"), "\(file): \(outcome.errors)")
            case "accept": #expect(outcome.status == 0 && lines.isEmpty, "\(file): \(outcome.errors)")
            default: #expect(outcome.status == 0 && lines.count == 1 && lines[0].hasPrefix("qamw: warning: /"), "\(file): \(outcome.errors)")
            }
        }
        #expect(count == 58)
    }
}
