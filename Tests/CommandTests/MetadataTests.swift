import Architectures
import Converters
import Foundation
import QAMFormat
import Testing

@Suite struct MetadataTests {
    /// Too large for the reserved space of any file, and incompressible.
    private static func incompressibleText() -> String {
        var state: UInt64 = 1
        return (0..<4000).map { _ in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return String(state, radix: 36)
        }.joined()
    }

    @Test func aQAMWFileTakesEveryType() throws {
        let scratch = try QuantizeTests.scratch()
        #expect(try scratch.qamw("quantize", "--plain", ".", "q.qamw").status == 0)
        let before = try scratch.bytes("q.qamw")
        let values = [
            "u8:255", "i8:-128", "u16:65535", "i16:-1", "u32:1", "i32:-1", "u64:18446744073709551615", "i64:-9223372036854775808",
            "f32:0.5", "f64:1e300", "bool:true", "string:a:b=c", "u32[]:[1,2]",
        ]
        let settings = values.flatMap { ["--set", "key.\($0.prefix { $0 != ":" })=\($0)"] }
        let outcome = try Command.run(["metadata", "q.qamw"] + settings + ["--remove", "format"], in: scratch)
        #expect(outcome.status == 0)
        #expect(outcome.output == "q.qamw: changed in place\n")
        #expect(try scratch.bytes("q.qamw").count == before.count)
        #expect(try scratch.qamw("verify", "q.qamw").status == 0)
        let metadata = try #require(try scratch.qamw("inspect", "q.qamw", "--json").json["metadata"])
        #expect(metadata["format"] == nil)
        #expect(metadata["key.u64"] == JSONValue(UInt64.max))
        #expect(metadata["key.i64"] == JSONValue(Int64.min))
        #expect(metadata["key.string"]?.text == "a:b=c")
        #expect(metadata["key.f64"]?.double == 1e300)
        #expect(metadata["key.u32[]"] == [JSONValue(1), JSONValue(2)])
        let listing = try scratch.qamw("metadata", "q.qamw").output
        #expect(listing.contains("key.string") && listing.contains("a:b=c"))
    }

    @Test func whatDoesNotFitIsWrittenAnew() throws {
        let scratch = try QuantizeTests.scratch()
        #expect(try scratch.qamw("quantize", "--plain", ".", "q.qamw").status == 0)
        let text = Self.incompressibleText()
        let outcome = try scratch.qamw("metadata", "q.qamw", "--set", "long=string:\(text)")
        #expect(outcome.output == "q.qamw: rewritten\n")
        #expect(try scratch.qamw("verify", "q.qamw").status == 0)
        #expect(try scratch.qamw("inspect", "q.qamw", "--json").json["metadata"]?["long"]?.text == text)
        #expect(try scratch.qamw("inspect", "q.qamw").output.contains("bytes)"))
        #expect(try scratch.names == ["config.json", "model.safetensors", "q.qamw"])
    }

    @Test func safetensorsTakeStrings() throws {
        let scratch = try QuantizeTests.scratch()
        let set = try scratch.qamw("metadata", "model.safetensors", "--set", "author=string:Ada")
        #expect(set.status == 0)
        #expect(set.output == "model.safetensors: rewritten\n")
        let removed = try scratch.qamw("metadata", "model.safetensors", "--remove", "author")
        #expect(removed.output == "model.safetensors: rewritten\n", "what follows the metadata in the header moves")
        let exchanged = try scratch.qamw("metadata", "model.safetensors", "--set", "format=string:np")
        #expect(exchanged.output == "model.safetensors: changed in place\n")
        #expect(try scratch.qamw("metadata", "model.safetensors", "--set", "format=string:pt").status == 0)
        #expect(try scratch.qamw("inspect", "model.safetensors", "--json").json["metadata"] == ["format": "pt"])
        try scratch.write(try TestModel.llama().safetensors, to: "same.safetensors")
        #expect(try scratch.qamw("compare", "same.safetensors", "model.safetensors", "--max-nmse", "0").status == 0)
        let typed = try scratch.qamw("metadata", "model.safetensors", "--set", "n=u8:1")
        #expect(typed.status == 64)
        #expect(typed.errors.contains("string"))
    }

    @Test func whatIsNotThereCannotBeRemoved() throws {
        let scratch = try QuantizeTests.scratch()
        let outcome = try scratch.qamw("metadata", "model.safetensors", "--remove", "nothing")
        #expect(outcome.status == 64)
        #expect(outcome.errors == "qamw: model.safetensors: there is no metadata \"nothing\" to remove\n")
    }

    /// A model in a hub's cache is a link to another file, which is the one that changes.
    @Test func linksStayLinks() throws {
        let scratch = try QuantizeTests.scratch()
        #expect(try scratch.qamw("quantize", "--plain", ".", "q.qamw").status == 0)
        #expect(try scratch.qamw("convert", ".", "g.gguf", "--names", "keep").status == 0)
        let text = Self.incompressibleText()
        for name in ["q.qamw", "g.gguf", "model.safetensors"] {
            let link = "link-\(name)"
            try FileManager.default.createSymbolicLink(atPath: scratch.path(link), withDestinationPath: name)
            let outcome = try scratch.qamw("metadata", link, "--set", "long=string:\(text)")
            #expect(outcome.output == "\(link): rewritten\n")
            #expect(try scratch.qamw("inspect", name, "--json").json["metadata"]?["long"]?.text == text)
            #expect(try FileStatus(scratch.path(link))?.inode == FileStatus(scratch.path(name))?.inode)
        }
    }
}
