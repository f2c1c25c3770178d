import Architectures
import Converters
import Testing

@Suite struct InspectTests {
    @Test func jsonHasWhatTheContractSays() throws {
        let scratch = try QuantizeTests.scratch()
        #expect(try scratch.qamw("quantize", "--plain", ".", "q.qamw", "--bits", "4.5", "--block-size", "32", "--seed", "7").status == 0)
        let json = try scratch.qamw("inspect", "q.qamw", "--json").json
        #expect(json["file"]?.text == "q.qamw")
        #expect(json["format"]?.text == "qamw")
        #expect(json["version"]?.text == "0.3")
        #expect(json["fileBytes"]?.integer == (try scratch.bytes("q.qamw")).count)
        let tensors = try #require(json["tensors"]).elements
        #expect(tensors.count == 19)
        let bytes = tensors.reduce(0) { $0 + ($1["bytes"]?.integer ?? 0) }
        let parameters = try #require(json["parameters"]?.integer)
        #expect(parameters == tensors.reduce(0) { $0 + ($1["shape"]?.elements ?? []).reduce(1) { $0 * ($1.integer ?? 0) } })
        #expect(json["bitsPerWeight"]?.double == Double(bytes) * 8 / Double(parameters))
        let coded = try #require(tensors.first { $0["name"]?.text == "model.layers.0.mlp.down_proj.weight" })
        #expect(coded["shape"] == [JSONValue(64), JSONValue(128)])
        #expect(coded["dtype"]?.text == "BF16")
        #expect(
            coded["encoding"] == [
                "codec": "qam-pairs", "bits": .number(4.5), "codebook": "octant", "blockSize": JSONValue(32), "seed": JSONValue(7),
                "gainType": "float16", "channelScales": .bool(false),
            ])
        #expect(json["metadata"] == ["format": "pt"])
        #expect(json["files"] == [["name": "config.json", "bytes": JSONValue(22), "role": JSONValue(1)]])
        let sections = try #require(json["sections"]).elements.compactMap { $0["name"]?.text }
        #expect(sections == ["metadata", "directory", "codebooks", "seeds", "producer", "scales", "symbols", "files", "raw", "checksums"])
    }

    @Test func offsetsLeadToThePayload() throws {
        let scratch = try QuantizeTests.scratch()
        let model = try TestModel.llama()
        #expect(try scratch.qamw("convert", "model.safetensors", "q.qamw").status == 0)
        let arguments = ["convert", ".", "shards/", "--to", "safetensors", "--max-shard-size", "50KB"]
        #expect(try Command.run(arguments, in: scratch).status == 0)
        for file in ["q.qamw", "model.safetensors", "shards"] {
            let tensors = try #require(try scratch.qamw("inspect", file, "--json").json["tensors"]).elements
            for tensor in tensors {
                let place = try #require(tensor["offset"]?.integer), count = try #require(tensor["bytes"]?.integer)
                let bytes = try scratch.bytes(tensor["file"]?.text.map { "\(file)/\($0)" } ?? file)
                #expect(Array(bytes[place..<place + count]) == model.tensors.first { $0.name == tensor["name"]?.text }?.bytes)
            }
        }
    }

    @Test func tablesAreForPeople() throws {
        let scratch = try QuantizeTests.scratch()
        #expect(try scratch.qamw("quantize", "--plain", ".", "q.qamw").status == 0)
        let overview = try scratch.qamw("inspect", "q.qamw").output
        for text in [".qamw 0.3", "octant 5.5 bits", "config.json (22 B)", "format"] { #expect(overview.contains(text)) }
        #expect(try scratch.qamw("inspect", "q.qamw", "--tensors").output.contains("model.layers.1.mlp.up_proj.weight"))
        #expect(try scratch.qamw("inspect", "q.qamw", "--sections").output.contains("checksums"))
        #expect(try scratch.qamw("inspect", "q.qamw", "--metadata").output.contains("string  pt"))
        #expect(overview.split(separator: "\n").allSatisfy { $0.last != " " })
    }

    @Test func controlCharactersOfAFileStayOffTheTerminal() throws {
        let scratch = try Scratch()
        var model = TestModel(tensors: [try .weights("a\u{1B}[31m", 2, 2)])
        model.metadata = [("key", "\u{1B}]0;title\u{7}\nline")]
        try scratch.write(model.safetensors, to: "a.safetensors")
        for arguments in [["inspect", "a.safetensors"], ["inspect", "a.safetensors", "--tensors"], ["compare", "a.safetensors", "a.safetensors"]] {
            let outcome = try Command.run(arguments, in: scratch)
            #expect(outcome.status == 0)
            #expect(!outcome.output.contains("\u{1B}") && !outcome.output.contains("\u{7}"))
        }
    }

    @Test func numbersThatAreNotFiniteBecomeNull() throws {
        let scratch = try Scratch()
        try scratch.write(TestModel(tensors: [try .weights("a", 2, 2)]).safetensors, to: "a.safetensors")
        #expect(try scratch.qamw("convert", "a.safetensors", "a.qamw").status == 0)
        #expect(try scratch.qamw("metadata", "a.qamw", "--set", "bad=f32:\"0x7fc00000\"", "--set", "good=f32:0.1").status == 0)
        let metadata = try #require(try scratch.qamw("inspect", "a.qamw", "--json").json["metadata"])
        #expect(metadata["bad"] == .null)
        #expect(metadata["good"] == .number(0.1))
    }
}
