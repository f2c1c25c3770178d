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

    /// Matrices by layer, within 80 columns: what is alike in consecutive layers is one row.
    @Test func layersAreShown() throws {
        let scratch = try Scratch(), model = TestInference.path("wikilm-tiny")
        let raw = try scratch.qamw("inspect", model).output.split(separator: "\n")
        #expect(raw.contains { $0.hasPrefix("  LAYER") && $0.contains("gate") && $0.hasSuffix("BITS") })
        #expect(raw.contains { $0.hasPrefix("  0-3, each") && $0.contains("BF16") && $0.hasSuffix("16.00") })
        let mixed = ["quantize", "--plain", model, "q.qamw", "--bits", "4.5", "--include", "layers.1.*down_proj=6.5", "--exclude", "layers.3.mlp.up"]
        #expect(try Command.run(mixed, in: scratch).status == 0)
        let lines = try scratch.qamw("inspect", "q.qamw").output.split(separator: "\n")
        let kinds = try #require(lines.first { $0.hasPrefix("  LAYER") }).split(separator: " ")
        let down = try #require(kinds.firstIndex(of: "down")), up = try #require(kinds.firstIndex(of: "up"))
        for (title, bits) in [("0", ["4.5", "4.5"]), ("1", ["6.5", "4.5"]), ("2", ["4.5", "4.5"]), ("3", ["4.5", "BF16"])] {
            let row = try #require(lines.first { $0.hasPrefix("  \(title) ") }).split(separator: " ")
            #expect(row[down] == bits[0] && row[up] == bits[1], "\(row)")
        }
        #expect(try scratch.qamw("convert", model, "m.gguf", "--dtype", "q4_k_m").status == 0)
        for file in ["q.qamw", "m.gguf", model] {
            #expect(try scratch.qamw("inspect", file).output.split(separator: "\n").allSatisfy { $0.count <= 80 }, "\(file)")
        }
        // Experts are many matrices of one kind.
        var experts: [TestModel.Tensor] = []
        for layer in 0..<2 {
            for expert in 0..<3 {
                for name in ["w1", "w2"] { experts.append(try .weights("model.layers.\(layer).mlp.experts.\(expert).\(name).weight", 4, 8)) }
            }
        }
        try scratch.write(TestModel(tensors: experts).safetensors, to: "e.safetensors")
        #expect(try scratch.qamw("inspect", "e.safetensors").output.contains("0-1, each  BF16  BF16"))
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
