import Architectures
import Converters
import QAMFormat
import Testing

@Suite struct CompareTests {
    private static func write(_ tensors: [TestModel.Tensor], to name: String, in scratch: Scratch) throws {
        try scratch.write(TestModel(tensors: tensors).safetensors, to: name)
    }

    @Test func equalModelsAreEqual() throws {
        let scratch = try QuantizeTests.scratch()
        let json = try scratch.qamw("compare", "model.safetensors", ".", "--json").json
        #expect(json["total"]?["nmse"]?.double == 0)
        #expect(json["total"]?["cosine"]?.double == 1)
        #expect(json["missing"] == .array([]) && json["extra"] == .array([]))
        #expect(json["tensors"]?.elements.count == 19)
        #expect(try scratch.qamw("compare", ".", ".", "--max-nmse", "0").status == 0)
    }

    @Test func figuresAreThoseOfTheDefinition() throws {
        let scratch = try Scratch()
        try Self.write([try .values("a", [1, 2, 2]), try .values("b", [3, 4])], to: "x", in: scratch)
        try Self.write([try .values("a", [1, 2, 5]), try .values("b", [3, 4])], to: "y", in: scratch)
        let outcome = try scratch.qamw("compare", "x", "y", "--json")
        #expect(outcome.status == 0)
        let json = try outcome.json
        let a = try #require(json["tensors"]).elements[0]
        #expect(a["nmse"]?.double == 1)
        #expect(a["maxAbs"]?.double == 3)
        #expect(a["cosine"]?.double == 15 / (9.0 * 30).squareRoot())
        #expect(a["shape"] == [JSONValue(3)])
        #expect(json["total"]?["nmse"]?.double == 9.0 / 34)
        #expect(try scratch.qamw("compare", "x", "y").output.contains("<- worst"))
    }

    @Test func theLimitDecidesTheStatus() throws {
        let scratch = try QuantizeTests.scratch()
        #expect(try scratch.qamw("quantize", "--plain", ".", "q.qamw").status == 0)
        #expect(try scratch.qamw("compare", ".", "q.qamw").status == 0)
        #expect(try scratch.qamw("compare", ".", "q.qamw", "--max-nmse", "0.01").status == 0)
        let over = try scratch.qamw("compare", ".", "q.qamw", "--max-nmse", "1e-5", "--quiet")
        #expect(over.status == 1)
        #expect(over.output.isEmpty && over.errors.isEmpty)
    }

    @Test func namesAndShapesThatDifferAreToldOf() throws {
        let scratch = try Scratch()
        try Self.write([try .values("a", [1, 2]), try .values("b", [1, 2]), try .values("c", [1])], to: "x", in: scratch)
        try Self.write([try .values("a", [1, 2], shape: [2, 1]), try .values("b", [1, 2]), try .values("d", [1])], to: "y", in: scratch)
        let json = try scratch.qamw("compare", "x", "y", "--json").json
        #expect(json["missing"] == ["c"])
        #expect(json["extra"] == ["d"])
        let a = try #require(json["tensors"]).elements[0]
        #expect(a["nmse"] == .null)
        #expect(a["error"]?.text?.contains("shapes differ") == true)
        #expect(try scratch.qamw("compare", "x", "y", "--max-nmse", "1").status == 1)
    }

    @Test func integersAreNumbersAndOddValuesDoNotHide() throws {
        let scratch = try Scratch()
        let integers = TestModel.Tensor(name: "i", shape: [2], dtype: .i16, bytes: [1, 0, 0xFF, 0xFF])
        let bytes = TestModel.Tensor(name: "i", shape: [2], dtype: .i8, bytes: [1, 0xFF])
        try Self.write([integers, try .values("f", [.nan, .infinity, 1]), try .values("z", [0, 0])], to: "x", in: scratch)
        try Self.write([bytes, try .values("f", [.nan, .infinity, 1]), try .values("z", [0, 0])], to: "y", in: scratch)
        #expect(try scratch.qamw("compare", "x", "y", "--max-nmse", "0").status == 0)
        try Self.write([bytes, try .values("f", [.nan, 1, 1]), try .values("z", [0, 1])], to: "z", in: scratch)
        let outcome = try scratch.qamw("compare", "x", "z", "--json", "--max-nmse", "1000")
        #expect(outcome.status == 1)
        let tensors = try #require(try outcome.json["tensors"]).elements
        #expect(tensors[1]["nmse"] == .null && tensors[1]["maxAbs"] == .null)
        #expect(tensors[2]["nmse"] == .null && tensors[2]["maxAbs"]?.double == 1)
    }

    @Test func typesThatDoNotCompareAreAnErrorThatNamesBoth() throws {
        let scratch = try Scratch()
        let complex = TestModel.Tensor(name: "c", shape: [2], dtype: .c64, bytes: [UInt8](repeating: 0, count: 16))
        try Self.write([complex], to: "x", in: scratch)
        try Self.write([try .values("c", [0, 0])], to: "y", in: scratch)
        for (first, second, types) in [("x", "y", "C64 and F32"), ("y", "x", "F32 and C64")] {
            let outcome = try scratch.qamw("compare", first, second, "--max-nmse", "1")
            #expect(outcome.status == 65)
            #expect(outcome.errors.contains(types) && outcome.output.contains(types))
        }
        #expect(try scratch.qamw("compare", "x", "x", "--max-nmse", "0").status == 0)
    }

    @Test func threadsDoNotChangeTheSums() throws {
        let scratch = try Scratch()
        try Self.write([try .weights("a.weight", 2048, 1024)], to: "x", in: scratch)
        #expect(try scratch.qamw("quantize", "--plain", "x", "q.qamw").status == 0)
        let one = try scratch.qamw("compare", "x", "q.qamw", "--json", "--threads", "1").output
        #expect(try scratch.qamw("compare", "x", "q.qamw", "--json", "--threads", "3").output == one)
    }

    @Test func metadataAndFilesAreComparedOnRequest() throws {
        let scratch = try QuantizeTests.scratch()
        let model = TestModel(tensors: try TestModel.llama().tensors, metadata: [("format", "pt"), ("only", "here"), ("n", "1")])
        try scratch.write(model.safetensors, to: "model.safetensors")
        try scratch.write("a note", to: "note.txt")
        try scratch.write("{}", to: "same.json")
        #expect(try scratch.qamw("convert", ".", "m.qamw").status == 0)
        let equal = try scratch.qamw("compare", ".", "m.qamw", "--metadata")
        #expect(equal.status == 0 && equal.output.hasSuffix("metadata and files: equal\n"))
        #expect(try scratch.qamw("compare", ".", "m.qamw", "--json").json["metadata"] == nil)

        let edit = ["metadata", "m.qamw", "--remove", "only", "--set", "n=u32:1", "--set", "new=string:x"]
        #expect(try Command.run(edit, in: scratch).status == 0)
        try scratch.write("a note, changed", to: "note.txt")
        try scratch.remove("same.json")
        try scratch.write("MIT", to: "LICENSE")
        let json = try scratch.qamw("compare", ".", "m.qamw", "--metadata", "--max-nmse", "0", "--json").json
        #expect(json["metadata"]?["missing"] == ["only"] && json["metadata"]?["extra"] == ["new"])
        let value = try #require(json["metadata"]?["different"]).elements
        #expect(value == [["key": "n", "reference": ["type": "string", "value": "1"], "other": ["type": "u32", "value": 1]]])
        #expect(json["files"]?["missing"] == ["LICENSE"] && json["files"]?["extra"] == ["same.json"])
        #expect(json["files"]?["different"] == [["name": "note.txt", "referenceBytes": 15, "otherBytes": 6, "offset": 6]])
        let text = try scratch.qamw("compare", ".", "m.qamw", "--metadata").output
        for part in ["only", "string 1", "u32 1", "another from byte 6", "LICENSE"] { #expect(text.contains(part)) }
    }

    /// GGUF's metadata are compared in the form of the files that they were made from.
    @Test func metadataOfBothWorldsAreCompared() throws {
        let inference = try TestInference("llama"), scratch = inference.scratch
        #expect(try scratch.qamw("convert", "m", "m.gguf").status == 0)
        let json = try scratch.qamw("compare", "m", "m.gguf", "--metadata", "--json").json
        #expect(json["total"]?["nmse"]?.double == 0)
        #expect(json["files"]?["different"] == .array([]) && json["files"]?["missing"] == .array([]))
    }
}
