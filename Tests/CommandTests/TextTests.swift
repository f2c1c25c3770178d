import Architectures
import Converters
import Foundation
import Testing

/// Text in and out of the command, with the small model of testdata that has a tokenizer.
@Suite struct TextTests {
    private static let model = TestInference.path("wikilm-tiny")

    @Test func textsBecomeTokensAndComeBack() throws {
        let scratch = try Scratch(), text = "The  cat sat; it's 1999.\n\u{E9}t\u{E9} \u{1F680}"
        let line = try scratch.qamw("tokenize", Self.model, text)
        #expect(line.status == 0 && line.errors.isEmpty)
        let ids = line.output.split(whereSeparator: \.isWhitespace).compactMap { UInt32($0) }
        #expect(ids.count > 5)
        #expect(try scratch.qamw("tokenize", Self.model, "--decode", line.output).output == text)

        try scratch.write(text, to: "text.txt")
        #expect(try scratch.qamw("tokenize", Self.model, "--text", "text.txt", "-o", "t.u16").status == 0)
        #expect(try scratch.bytes("t.u16") == ids.flatMap { [UInt8($0 & 0xFF), UInt8($0 >> 8)] })
        #expect(try scratch.qamw("tokenize", Self.model, "--decode", "--tokens", "t.u16").output == text)
        let json = try scratch.qamw("tokenize", Self.model, "--file", "text.txt", "--json").json
        #expect(json["tokens"]?.elements.compactMap(\.integer) == ids.map { Int($0) } && json["count"]?.integer == ids.count)
        #expect(try scratch.qamw("tokenize", Self.model, "--text", "text.txt", "-o", "t.u16").status == 73)
        #expect(try scratch.qamw("tokenize", Self.model, "--text", "text.txt", "-o", "text.txt", "--force").status == 73)

        let several = "one\0two  \n\0"
        try scratch.write(several, to: "several")
        let lines = try scratch.qamw("tokenize", Self.model, "--text", "several", "--null")
        #expect(lines.output.split(separator: "\n").count == 2)
        try scratch.write(lines.output, to: "lines")
        #expect(try scratch.qamw("tokenize", Self.model, "--text", "lines", "--null", "--decode").output == several)
    }

    /// The tokenizer is found in every form of the model.
    @Test func everyFormHasTheTokenizer() throws {
        let scratch = try Scratch(), expected = try scratch.qamw("tokenize", Self.model, "Hello, world").output
        #expect(try scratch.qamw("convert", Self.model, "m.qamw", "--quiet").status == 0)
        #expect(try scratch.qamw("convert", Self.model, "m.gguf", "--quiet").status == 0)
        for path in ["m.qamw", "m.gguf", Self.model + "/tokenizer.json", Self.model + "/model.safetensors"] {
            #expect(try scratch.qamw("tokenize", path, "Hello, world").output == expected, "\(path)")
        }
    }

    /// A text and its tokens are the same to the commands that read them.
    @Test func textsAreEvaluatedAndCalibrated() throws {
        let scratch = try Scratch()
        let text = String(repeating: "The city is the capital of the region, and its history is long. ", count: 30)
        try scratch.write(text, to: "t.txt")
        #expect(try scratch.qamw("tokenize", Self.model, "--text", "t.txt", "-o", "t.u16").status == 0)
        for command in [
            ["eval", Self.model, "--context", "64", "--json"], ["calibrate", Self.model, "--context", "64", "--json", "-o", "s.safetensors", "--force"],
        ] {
            var results = try [["--text", "t.txt"], ["--tokens", "t.u16"]].map { try Command.run(command + $0, in: scratch).json }
            for key in ["tokensPerSecond", "seconds"] { results = results.map { $0.without(key) } }
            #expect(results[0] == results[1])
        }
    }

    @Test func textsAreContinued() throws {
        let scratch = try Scratch(), prompt = "The capital of France is"
        let json = try scratch.qamw("generate", Self.model, "--prompt", prompt, "--count", "12", "--json").json
        let ids = try #require(json["tokens"]).elements.compactMap(\.integer)
        let plain = try scratch.qamw("generate", Self.model, "--prompt", prompt, "--count", "12", "--quiet")
        #expect(plain.output == (json["text"]?.text ?? "") + "\n" && plain.errors.isEmpty)
        // The same tokens as from a file of tokens.
        #expect(try scratch.qamw("tokenize", Self.model, prompt).status == 0)
        try scratch.write(prompt, to: "p.txt")
        #expect(try scratch.qamw("tokenize", Self.model, "--text", "p.txt", "--special", "-o", "p.u16").status == 0)
        #expect(try scratch.qamw("generate", Self.model, "--tokens", "p.u16", "--count", "12", "--json").json["tokens"]?.elements.compactMap(\.integer) == ids)

        func drawn(_ seed: String) throws -> String {
            try scratch.qamw("generate", Self.model, "--prompt", prompt, "--count", "12", "--temperature", "2", "--seed", seed, "--quiet").output
        }
        #expect(try drawn("1") == drawn("1"))
        #expect(try Set(["1", "2", "3", "4"].map(drawn)).count > 1)
    }

    @Test func promptsBeyondTheTrainedContextAreWarnedOf() throws {
        let scratch = try Scratch()
        let outcome = try scratch.qamw("generate", Self.model, "--prompt", "Hello", "--count", "2048", "--json").json
        #expect(outcome["warnings"]?.elements.contains { $0.text?.contains("was trained on") == true } == true)
    }

    @Test(
        arguments: [
            (["generate", "M", "--prompt", "a", "--tokens", "t"], 64, "one of"), (["generate", "M"], 64, "one of"),
            (["generate", "M", "--prompt", "a", "--top-k", "2"], 64, "temperature"),
            (["generate", "M", "--prompt", "a", "--temperature", "-1"], 64, "temperature"),
            (["generate", "M", "--prompt", "a", "--chat"], 65, "chat template"), (["generate", "M", "--prompt", "a", "--system", "b"], 64, "--chat"),
            (["eval", "M", "--text", "none.txt"], 66, "none.txt"), (["eval", "M", "--text", "numbers"], 65, "--tokens"),
            (["tokenize", "M"], 64, "one of"), (["tokenize", "M", "--decode", "x"], 64, "not the id"), (["tokenize", "numbers", "x"], 65, "numbers"),
        ] as [([String], Int32, String)]) func mistakesAreNamed(arguments: [String], status: Int32, says: String) throws
    {
        let scratch = try Scratch()
        try scratch.write([1, 0, 2, 0] as [UInt8], to: "numbers")
        let outcome = try Command.run(arguments.map { $0 == "M" ? Self.model : $0 }, in: scratch)
        #expect(outcome.status == status, "\(outcome.errors)")
        #expect(outcome.errors.contains(says), "\(outcome.errors)")
    }

    /// A conversation in a format that the model was not trained for, but that its files name.
    @Test func conversationsFollowTheTemplate() throws {
        let scratch = try Scratch()
        try FileManager.default.createDirectory(atPath: scratch.path("m"), withIntermediateDirectories: true)
        for name in ["config.json", "model.safetensors", "tokenizer.json"] { try scratch.write(TestInference.testdata("wikilm-tiny/\(name)"), to: "m/\(name)") }
        try scratch.write("{\"chat_template\":\"{{ '<|im_start|>' + role }} <|im_end|>\"}", to: "m/tokenizer_config.json")
        let chat = try scratch.qamw("generate", "m", "--chat", "--prompt", "Hi", "--count", "5", "--json").json
        let plain = try scratch.qamw("generate", "m", "--prompt", "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n", "--count", "5", "--json").json
        #expect(chat["tokens"] == plain["tokens"] && chat["tokens"]?.elements.isEmpty == false)
        let none = try scratch.qamw("generate", "m", "--chat", "--count", "5")
        #expect(none.status == 0 && none.output.isEmpty)
    }
}

extension JSONValue {
    fileprivate func without(_ key: String) -> JSONValue {
        guard case .object(let members) = self else { return self }
        return .object(members.filter { $0.key != key })
    }
}
