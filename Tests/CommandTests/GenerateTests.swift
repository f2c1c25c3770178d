import Architectures
import Converters
import Testing

@Suite struct GenerateTests {
    /// Each token is the most likely one after the preceding tokens, confirmed by an evaluation of the generated text.
    @Test func continuesGreedily() throws {
        let test = try TestInference("qwen3"), scratch = test.scratch
        let json = try scratch.qamw("generate", "m", "--tokens", "t.u16", "--count", "6", "--json").json
        let made = try #require(json["tokens"]).elements.compactMap(\.integer)
        #expect(made.count == 6 && made.allSatisfy { (0..<80).contains($0) })
        #expect(try #require(json["tokensPerSecond"]?.double) > 0 && json["promptTokensPerSecond"]?.double ?? 0 > 0)
        #expect(json["warnings"] == .array([]))

        // One token at a time, each run from the beginning.
        var text = try scratch.bytes("t.u16")
        for token in made {
            try scratch.write(text, to: "more.u16")
            let next = try scratch.qamw("generate", "m", "--tokens", "more.u16", "--count", "1", "--threads", "1", "--json").json["tokens"]
            #expect(next?.elements.first?.integer == token)
            text += [UInt8(token), 0]
        }
        let plain = try scratch.qamw("generate", "m", "--tokens", "t.u16", "--count", "6")
        #expect(plain.output == made.map(String.init).joined(separator: " ") + "\n")
        #expect(plain.errors.contains("tokens/s"))
        let quiet = try scratch.qamw("generate", "m", "--tokens", "t.u16", "--count", "6", "--quiet")
        #expect(quiet.output == plain.output && quiet.errors.isEmpty)
        #expect(try scratch.qamw("generate", "m", "--tokens", "t.u16", "--count", "0").status == 64)
    }

    /// From a memory-mapped quantized model.
    @Test func aQuantizedModelGenerates() throws {
        let test = try TestInference("llama"), scratch = test.scratch
        #expect(try scratch.qamw("quantize", "--plain", "m", "m.qamw", "--bits", "6.5", "--recipe", "all", "--quiet").status == 0)
        let one = try scratch.qamw("generate", "m.qamw", "--tokens", "t.u16", "--count", "20", "--threads", "1", "--quiet")
        #expect(one.status == 0 && one.output.split(separator: " ").count == 20)
        #expect(try scratch.qamw("generate", "m.qamw", "--tokens", "t.u16", "--count", "20", "--threads", "4", "--quiet").output == one.output)
    }
}
