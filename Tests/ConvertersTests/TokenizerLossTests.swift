import Architectures
import Converters
import QAMFormat
import Testing

/// Warnings about what GGUF cannot represent of a tokenizer; tokens that only some of the files list are kept.
@Suite struct TokenizerLossTests {
    private static func warnings(_ files: [MemoryFile]) throws -> [String] { try TokenizerConversion.ggufMetadata(files: files).warnings }

    /// transformers adds them to those of tokenizer.json.
    @Test func tokensOfTheConfigurationJoinThoseOfTheTokenizer() throws {
        let files = try TokenizerFixture.llama3.files().with("config.json", "{}")
        let count = try tokenizerKeys(files).strings("tokens").count
        let decoder = """
            {"\(count)":{"content":"<tool_call>","special":false},"\(count + 1)":{"content":"<mark>","special":true},
            "421":{"content":"<|eot_id|>","special":true},"423":{"content":"<tool>","special":true},"9":{"content":"he","special":false}}
            """
        let keys = try tokenizerKeys(files.with("tokenizer_config.json", "{\"added_tokens_decoder\":\(decoder)}").with("added_tokens.json", #"{"<x>":9999}"#))
        #expect(keys.strings("tokens").suffix(2) == ["<tool_call>", "<mark>"] && keys.types().suffix(2) == [4, 3])
        let texts = keys.strings("tokens"), types = keys.types()
        // tokenizer_config.json decides whether it is special; a token of the vocabulary keeps its id.
        let tool = try #require(texts.firstIndex(of: "<tool>")), he = try #require(texts.firstIndex(of: "he"))
        #expect(types[tool] == 3 && types[he] == 4)
        #expect(try Self.warnings(files.with("tokenizer_config.json", "{\"added_tokens_decoder\":\(decoder)}")).isEmpty)
        let listed = try tokenizerKeys(files.with("added_tokens.json", "{\"<listed>\":\(count)}"))
        #expect(listed.strings("tokens").last == "<listed>" && listed.types().last == 4)
        #expect(listed.strings("tokens").count == count + 1)
    }

    @Test func idsThatTransformersGivesToOtherTokensAreWarnedOf() throws {
        let files = try TokenizerFixture.llama3.files().with("config.json", "{}")
        let count = try tokenizerKeys(files).strings("tokens").count
        let far = try Self.warnings(files.with("added_tokens.json", "{\"<far>\":\(count + 9)}"))
        #expect(far.count == 1 && far[0].contains("<far>") && far[0].contains("\(count + 9)") && far[0].contains("numbers it \(count)"))
    }

    private static let mark: JSONValue = "\u{2581}"
    private static let replacement: JSONValue = ["type": "Replace", "pattern": ["String": " "], "content": mark]

    @Test(arguments: [TokenizerFixture.llama2, .gemma, .phi3])
    func ordinaryPiecesCauseNoWarning(fixture: TokenizerFixture) throws {
        #expect(try Self.warnings(fixture.files(without: ["tokenizer.model"])).allSatisfy { !$0.contains("express") })
        #expect(try Self.warnings(fixture.files(without: ["tokenizer.json"])).allSatisfy { !$0.contains("express") })
    }

    @Test func stepsThatOnlyLookOrdinaryAreWarnedOf() throws {
        let files = try TokenizerFixture.llama2.files(without: ["tokenizer.model"])
        let spaces: JSONValue = ["type": "Replace", "pattern": ["Regex": " {2,}"], "content": " "]
        let normalizers = try Self.warnings(files.with("tokenizer.json", "normalizer", ["type": "Sequence", "normalizers": [spaces, Self.replacement]]))
        #expect(normalizers.count == 1 && normalizers[0].contains("\"Replace\""))
        func metaspace(split: Bool) throws -> [String] {
            try Self.warnings(
                files.with("tokenizer.json", "normalizer", .null)
                    .with(
                        "tokenizer.json", "pre_tokenizer", ["type": "Metaspace", "replacement": Self.mark, "prepend_scheme": "always", "split": .bool(split)]))
        }
        #expect(try metaspace(split: false).isEmpty)
        #expect(try metaspace(split: true).contains { $0.contains("Metaspace") })
        #expect(try Self.warnings(files.with("tokenizer.json", "pre_tokenizer", ["type": "Digits", "individual_digits": true])).count == 1)
        let line: JSONValue = ["type": "Replace", "pattern": ["String": "\n "], "content": "\n"]
        let decoders = try Self.warnings(files.with("tokenizer.json", "decoder", ["type": "Sequence", "decoders": [["type": "Fuse"], line]]))
        #expect(decoders.count == 1 && decoders[0].contains("decoder \"Replace\""))
    }

    /// Settings of tokenizer.model: the normalizer's table and spaces, and word-final markers of the trainer.
    @Test func settingsOfSentencePieceAreWarnedOf() throws {
        let files = try TokenizerFixture.llama2.files(without: ["tokenizer.json"])
        let model = try #require(files.first { $0.name == "tokenizer.model" })
        for (setting, word) in [([0x1A, 3, 0x12, 1, 0x41], "characters"), ([0x1A, 2, 0x20, 1], "spaces"), ([0x12, 3, 0xC0, 0x01, 0x01], "ends")]
            as [([UInt8], String)]
        {
            let changed = files.filter { $0.name != "tokenizer.model" } + [MemoryFile(name: "tokenizer.model", bytes: model.bytes + setting)]
            let warnings = try Self.warnings(changed)
            #expect(warnings.count == 1 && warnings[0].contains(word), "\(warnings)")
        }
        // Without byte tokens, loaders fail at the first unknown character.
        let piece: [UInt8] = [0x0A, 5, 0x0A, 1, 0x61, 0x18, 1], byPairs: [UInt8] = [0x12, 2, 0x18, 2]
        let (entries, warnings) = try TokenizerConversion.ggufMetadata(files: [MemoryFile(name: "tokenizer.model", bytes: piece + byPairs)])
        #expect(entries.isEmpty && warnings.contains { $0.contains("byte tokens") })
    }

    @Test func theTokenBeforeEveryTextIsBOSWhateverConfigurationsCount() throws {
        let files = try TokenizerFixture.llama3.files().with("tokenizer_config.json", "{}").with("config.json", #"{"bos_token_id":1}"#)
        let keys = try tokenizerKeys(files), texts = keys.strings("tokens")
        #expect(keys[tokenizer: "bos_token_id"] == .uint32(UInt32(try #require(texts.firstIndex(of: "<|begin_of_text|>")))))
        #expect(keys[tokenizer: "add_bos_token"] == .bool(true))
    }

    @Test func chatTemplatesMayBeAnObjectAndShareNoKey() throws {
        let files = try TokenizerFixture.llama3.files()
        let object = try tokenizerKeys(files.with("tokenizer_config.json", #"{"chat_template":{"default":"A","tool use":"B"}}"#))
        #expect(object["tokenizer.chat_template"] == .string("A") && object["tokenizer.chat_template.tool_use"] == .string("B"))
        let list = files.with("tokenizer_config.json", #"{"chat_template":[{"name":"a-b","template":"1"},{"name":"a b","template":"2"}]}"#)
        let keys = try tokenizerKeys(list)
        #expect(keys["tokenizer.chat_templates"] == .array(.string(["a_b"])) && keys["tokenizer.chat_template.a_b"] == .string("1"))
        #expect(try Self.warnings(list).contains { $0.contains("\"a b\"") })
    }

    /// A model with fewer rows than tokens: the truncated tokenizer converts back.
    @Test func mergesOfTokensThatAreCutOffGoToo() throws {
        let files = try TokenizerFixture.llama3.files()
        let whole = try tokenizerKeys(files.with("config.json", "{}"))
        let keys = try tokenizerKeys(files.with("config.json", #"{"vocab_size":400}"#))
        #expect(keys.strings("merges").count < whole.strings("merges").count && !keys.strings("merges").isEmpty)
        #expect(try tokenizerFiles(keys).map(\.name).contains("tokenizer.json"))
    }

    /// llama.cpp refuses byte-level tokenizers without this key.
    @Test func mergesAreThereEvenIfThereAreNone() throws {
        let model: JSONValue = ["type": "BPE", "vocab": ["a": 0, "b": 1], "merges": []]
        let keys = try tokenizerKeys(
            TokenizerFixture.gpt2.files().with("config.json", "{}").with("tokenizer.json", "model", model).with("tokenizer.json", "added_tokens", []))
        #expect(keys[tokenizer: "merges"] == .array(.string([])))
        var unsigned = keys
        unsigned.set("tokenizer.ggml.token_type", .array(.uint32([1, 1])))
        #expect(try tokenizerFiles(unsigned).document("tokenizer.json")["model"] == tokenizerFiles(keys).document("tokenizer.json")["model"])
    }
}
