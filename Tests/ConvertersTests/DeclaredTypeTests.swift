import Converters
import QAMFormat
import Testing

/// The type that config.json declares, and the types of the tensors.
@Suite struct DeclaredTypeTests {
    private struct TextFile: EmbeddedFile {
        var name = "config.json"
        var text: String
        var byteCount: Int { text.utf8.count }
        func read(_ range: Range<Int>) throws -> [UInt8] { Array(Array(text.utf8)[range]) }
    }

    private struct Outcome: Equatable {
        var text: String
        var warnings: [String] = []
    }

    private func updated(_ text: String, _ dtypes: [DType]) throws -> Outcome {
        var source = MemorySource()
        for (index, dtype) in dtypes.enumerated() { source.add("t\(index)", [4 + index, 32], dtype) }
        source.files = [TextFile(name: "a.json", text: #"{"dtype": "bfloat16"}"#), TextFile(text: text)]
        let result = try DeclaredType.updated(source)
        #expect(result.tensors == source.tensors)
        #expect(try result.files[0].read(0..<result.files[0].byteCount) == source.files[0].read(0..<source.files[0].byteCount))
        let file = result.files[1]
        return Outcome(text: String(decoding: try file.read(0..<file.byteCount), as: UTF8.self), warnings: result.warnings)
    }

    @Test func onlyTheTypeChanges() throws {
        let text =
            "{\"rms_norm_eps\" : 1e-05,\r\n\t\"torch_dtype\":\"bfloat16\" , \"rope_theta\": 10000.0, \"dtype\": \"bfl\\u006fat16\", \"a\\tb\": [\"dtype\"]}\n"
        let expected =
            "{\"rms_norm_eps\" : 1e-05,\r\n\t\"torch_dtype\":\"float32\" , \"rope_theta\": 10000.0, \"dtype\": \"float32\", \"a\\tb\": [\"dtype\"]}\n"
        #expect(try updated(text, [.bf16, .f32]) == Outcome(text: expected))
        #expect(try updated(text, [.f32, .bf16]) == Outcome(text: text))
    }

    @Test(arguments: [(DType.f64, "float64"), (.f32, "float32"), (.f16, "float16"), (.bf16, "bfloat16")])
    func everyTypeHasItsName(_ dtype: DType, _ name: String) throws {
        #expect(try updated(#"{"dtype": "x"}"#, [dtype]).text == #"{"dtype": "\#(name)"}"#)
    }

    @Test func partsDeclareItToo() throws {
        let text =
            #"{"text_config": {"dtype": "bfloat16"}, "quantization_config": {"dtype": "int8"}, "task": {"dtype": "bfloat16"}, "dtype": "auto", "torch_dtype": null}"#
        let expected =
            #"{"text_config": {"dtype": "float16"}, "quantization_config": {"dtype": "int8"}, "task": {"dtype": "bfloat16"}, "dtype": "auto", "torch_dtype": null}"#
        #expect(try updated(text, [.f16]) == Outcome(text: expected))
    }

    @Test func whatHasNoNameStays() throws {
        for dtypes in [[.f8e4m3], [.i64], [.f32, .q8_0], []] as [[DType]] {
            #expect(try updated(#"{"dtype": "bfloat16"}"#, dtypes) == Outcome(text: #"{"dtype": "bfloat16"}"#))
        }
        let damaged = try updated(#"{"dtype": "bfloat16""#, [.f32])
        #expect(damaged.text == #"{"dtype": "bfloat16""#)
        #expect(damaged.warnings.count == 1 && damaged.warnings[0].contains("float32"))
    }
}
