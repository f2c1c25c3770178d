import Architectures
import Converters
import Foundation
import Testing

@Suite struct VerifyTests {
    private static func quantized() throws -> Scratch {
        let scratch = try QuantizeTests.scratch()
        guard try scratch.qamw("quantize", "--plain", ".", "q.qamw").status == 0 else { throw Command.Failure(description: "quantize failed") }
        return scratch
    }

    @Test func soundFilesAreAllRight() throws {
        let scratch = try Self.quantized()
        let outcome = try scratch.qamw("verify", "q.qamw", "model.safetensors", ".")
        #expect(outcome.status == 0)
        #expect(outcome.errors.isEmpty)
        let lines = outcome.output.split(separator: "\n")
        #expect(lines.count == 3)
        #expect(lines[0].hasPrefix("q.qamw: OK, .qamw 0.3, 19 tensors, "))
        #expect(lines[1].hasPrefix("model.safetensors: OK, safetensors, 19 tensors, "))
        #expect(try scratch.qamw("verify", "q.qamw", "--quiet").output.isEmpty)

        let json = try scratch.qamw("verify", "--json", "q.qamw", "model.safetensors").jsonLines
        #expect(json.count == 2)
        #expect(json[0]["file"]?.text == "q.qamw")
        #expect(json[0]["format"]?.text == "qamw")
        #expect(json[0]["ok"] == .bool(true))
        #expect(json[0]["problems"] == .array([]))
        #expect(json[0]["bytesVerified"]?.integer == (try scratch.bytes("q.qamw")).count)
        #expect(json[1]["format"]?.text == "safetensors")
    }

    @Test func aChangedByteIsFoundWhereverItIs() throws {
        let scratch = try Self.quantized()
        let good = try scratch.bytes("q.qamw")
        let sections = try #require(try scratch.qamw("inspect", "q.qamw", "--json").json["sections"]).elements
        for section in sections {
            let name = try #require(section["name"]?.text)
            var bad = good
            bad[try #require(section["offset"]?.integer)] ^= 1
            try scratch.write(bad, to: "bad.qamw")
            let outcome = try scratch.qamw("verify", "bad.qamw")
            #expect(outcome.status == 65)
            #expect(outcome.errors.hasPrefix("qamw: bad.qamw: section \(name)"))
            let json = try scratch.qamw("verify", "bad.qamw", "--json").json
            #expect(json["ok"] == .bool(false))
            let problem = try #require(json["problems"]?.elements.first)
            #expect(problem["section"]?.text == name)
            #expect(["checksumMismatch", "malformed"].contains(problem["code"]?.text ?? ""))
            if ["symbols", "scales", "raw"].contains(name) { #expect(problem["tensor"]?.text != nil && problem["length"]?.integer != nil) }
        }
    }

    @Test func whatIsNoModelIsToldApart() throws {
        let scratch = try Scratch()
        #expect(try scratch.qamw("verify", ".").errors.hasSuffix("nor model.gguf or model.qamw\n"))
        // The response of servers for a missing file.
        try scratch.write("Entry not found", to: "llama.gguf")
        let file = try scratch.qamw("verify", "llama.gguf")
        #expect(file.status == 65)
        #expect(file.errors.hasSuffix("this is a text file, not a model file that can be read here: give the model file or its folder\n"))
        let folder = try scratch.qamw("verify", ".")
        #expect(folder.status == 65)
        #expect(folder.errors.hasSuffix("this is a text file, not a model file that can be read here: give the model file or its folder\n"))
    }

    @Test func aDamagedSignatureIsDamageAndNotAnUnknownFile() throws {
        let scratch = try Self.quantized()
        var bytes = try scratch.bytes("q.qamw")
        bytes[4] = 0x0A
        try scratch.write(bytes, to: "bad.qamw")
        let json = try scratch.qamw("verify", "bad.qamw", "--json").json
        let problem = try #require(json["problems"]?.elements.first)
        #expect(json["format"]?.text == "qamw")
        #expect(problem["code"]?.text == "malformed")
        #expect(problem["section"]?.text == "header")
    }

    @Test func aTruncatedFileIsToldAsOne() throws {
        let scratch = try Self.quantized()
        let bytes = try scratch.bytes("q.qamw")
        for (count, file) in [(bytes.count - 1, "a.qamw"), (100, "b.qamw"), (20, "c.qamw")] {
            try scratch.write(Array(bytes[..<count]), to: file)
            let outcome = try scratch.qamw("verify", file, "--json")
            #expect(outcome.status == 65)
            #expect(try outcome.json["problems"]?.elements.first?["code"]?.text == "truncated")
        }
    }

    @Test func theWorstFileDecides() throws {
        let scratch = try Self.quantized()
        var bytes = try scratch.bytes("q.qamw")
        bytes[bytes.count - 1] ^= 1
        try scratch.write(bytes, to: "bad.qamw")
        #expect(try scratch.qamw("verify", "none", "q.qamw").status == 66)
        let outcome = try scratch.qamw("verify", "none", "bad.qamw", "q.qamw", "--json")
        #expect(outcome.status == 65)
        #expect(try outcome.jsonLines.map { $0["ok"]?.bool } == [false, false, true])
        #expect(outcome.errors.isEmpty)
    }

    @Test func partsCanBeVerifiedAlone() throws {
        let scratch = try Self.quantized()
        let json = try scratch.qamw("inspect", "q.qamw", "--json").json
        let tensors = try #require(json["tensors"]).elements
        let place = try #require(tensors[2]["offset"]?.integer)
        var bytes = try scratch.bytes("q.qamw")
        bytes[place] ^= 1
        try scratch.write(bytes, to: "bad.qamw")
        let damaged = try #require(tensors[2]["name"]?.text), sound = try #require(tensors[3]["name"]?.text)
        #expect(try scratch.qamw("verify", "bad.qamw", "--header-only").status == 0)
        #expect(try scratch.qamw("verify", "bad.qamw", "--tensor", sound).status == 0)
        #expect(try scratch.qamw("verify", "bad.qamw", "--tensor", sound, "--tensor", damaged).status == 65)
        for file in ["q.qamw", "model.safetensors"] {
            let outcome = try scratch.qamw("verify", file, "--tensor", "nobody")
            #expect(outcome.status == 66)
            #expect(outcome.errors == "qamw: \(file): tensor \"nobody\": there is no such tensor\n")
        }
    }

    @Test func anIndexMustBeComplete() throws {
        let scratch = try QuantizeTests.scratch()
        let arguments = ["convert", ".", "shards/", "--to", "safetensors", "--max-shard-size", "50KB"]
        #expect(try Command.run(arguments, in: scratch).status == 0)
        try scratch.remove("shards/model-00002-of-00004.safetensors")
        let outcome = try scratch.qamw("verify", "shards/model.safetensors.index.json")
        #expect(outcome.status == 65)
        #expect(outcome.errors.contains("model-00002-of-00004.safetensors"))
    }
}
