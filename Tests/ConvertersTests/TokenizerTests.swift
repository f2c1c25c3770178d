import Architectures
import Converters
import QAMFormat
import Testing

@Suite struct TokenizerTests {
    @Test(arguments: [
        (TokenizerFixture.deepseek3, "deepseek-v3"), (.falcon, "falcon"), (.gpt2, "gpt-2"), (.gpt4o, "gpt-4o"), (.llama3, "llama-bpe"),
        (.phi4, "dbrx"), (.qwen2, "qwen2"), (.starcoder, "starcoder"), (.tekken, "tekken"),
    ])
    func preTokenizersAreRecognized(fixture: TokenizerFixture, name: String) throws {
        let (entries, warnings) = try TokenizerConversion.ggufMetadata(files: fixture.files())
        #expect(entries.first { $0.key == "tokenizer.ggml.pre" }?.value == .string(name))
        #expect(entries.first { $0.key == "tokenizer.ggml.model" }?.value == .string("gpt2"))
        #expect(warnings.isEmpty)
    }

    @Test func theModelsTypeChoosesAmongNames() throws {
        let files = try TokenizerFixture.starcoder.files()
        for (type, name) in [("llama", "smollm"), ("cohere", "command-r"), ("other", "smollm")] {
            let keys = try tokenizerKeys(files.with("config.json", "{\"model_type\":\"\(type)\"}"))
            #expect(keys[tokenizer: "pre"] == .string(name))
        }
    }

    /// Infinities, as Python writes them, are accepted.
    @Test func configurationsMayHoldInfinities() throws {
        let files = try TokenizerFixture.gpt2.files().with("special_tokens_map.json", "{\"x\": Infinity, \"y\": [-Infinity, NaN]}")
        #expect(try tokenizerKeys(files)[tokenizer: "model"] == .string("gpt2"))
    }

    @Test func anUnknownPreTokenizerIsShownAndCanBeNamed() throws {
        let step: JSONValue = ["type": "Split", "pattern": ["Regex": #"[xyz]+\d"#], "behavior": "Isolated", "invert": false]
        let byteLevel: JSONValue = ["type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false]
        let files = try TokenizerFixture.gpt2.files()
            .with("tokenizer.json", "pre_tokenizer", ["type": "Sequence", "pretokenizers": [step, byteLevel]])
        #expect {
            try tokenizerKeys(files)
        } throws: { error in
            guard let error = error as? QAMError else { return false }
            return error.code == .unsupported && error.message.contains(#"[xyz]+\\d"#) && error.message.contains("--tokenizer-pre")
                && error.place.file == "tokenizer.json"
        }
        #expect(try tokenizerKeys(files, pre: "olmo")[tokenizer: "pre"] == .string("olmo"))
        #expect { try tokenizerKeys(files, pre: "no-such") } throws: {
            ($0 as? QAMError)?.code == .invalidArgument && "\($0)".contains("llama-bpe")
        }
        #expect { try tokenizerKeys(TokenizerFixture.llama2.files(), pre: "gpt-2") } throws: { ($0 as? QAMError)?.code == .invalidArgument }
    }

    /// The steps written for a pre-tokenizer's name are recognised as a name with the same steps.
    @Test func everyNameOfTheTableComesBack() throws {
        var keys = try tokenizerKeys(TokenizerFixture.gpt2.files())
        let names = try #require(
            { () -> [String]? in
                do { _ = try tokenizerKeys([], pre: "") } catch let error as QAMError {
                    return error.message.split(separator: "known are ").last?.split(separator: ", ").map(String.init)
                }
                return nil
            }())
        #expect(names.count == Set(names).count && names.count > 70)
        for name in names {
            keys.set("tokenizer.ggml.pre", .string(name))
            let files = try tokenizerFiles(keys)
            let again = try tokenizerKeys(files)
            guard case .string(let found)? = again[tokenizer: "pre"] else {
                Issue.record("no pre-tokenizer for \(name)")
                continue
            }
            keys.set("tokenizer.ggml.pre", .string(found))
            let step = "pre_tokenizer"
            #expect(try tokenizerFiles(keys).document("tokenizer.json")[step] == files.document("tokenizer.json")[step], "\(name), \(found)")
        }
    }

    @Test(arguments: TokenizerFixture.allCases)
    func keysBecomeFilesBecomeTheSameKeys(fixture: TokenizerFixture) throws {
        let original = try fixture.files()
        let keys = try tokenizerKeys(original)
        let files = try tokenizerFiles(keys)
        let config = try #require(original.first { $0.name == "config.json" })
        #expect(try tokenizerKeys(files + [config]).entries == keys.entries)
        #expect(files.map(\.name) == ["tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "generation_config.json"])
        // The model and the other members are those of the original file.
        let (before, after) = (try original.document("tokenizer.json"), try files.document("tokenizer.json"))
        for key in ["added_tokens", "normalizer"] where fixture != .gemma { #expect(after[key] == before[key], "\(key)") }
        for key in ["merges", "byte_fallback", "ignore_merges", "fuse_unk", "unk_token"] {
            #expect(after["model"]?[key] == before["model"]?[key], "\(key)")
        }
        #expect(after["model"]?["vocab"].map(sorted) == before["model"]?["vocab"].map(sorted))
    }

    private func sorted(_ vocabulary: JSONValue) -> [String] {
        guard case .object(let members) = vocabulary else { return [] }
        return members.map { "\($0.value) \($0.key)" }.sorted()
    }

    @Test func theVocabularyIsAsLongAsTheEmbeddingMatrix() throws {
        let files = try TokenizerFixture.qwen2.files()
        let keys = try tokenizerKeys(files)
        #expect(keys.strings("tokens").count == 512 && keys.types().count == 512)
        #expect(keys.strings("tokens").last == "[PAD511]" && keys.types().last == 5)
        let plain = try tokenizerKeys(files.with("config.json", "{}")).strings("tokens")
        #expect(plain == Array(keys.strings("tokens").prefix(plain.count)))
        let (entries, warnings) = try TokenizerConversion.ggufMetadata(files: files.with("config.json", "{\"vocab_size\":\(plain.count - 1)}"))
        #expect(warnings.count == 1 && warnings[0].contains(plain[plain.count - 1]))
        #expect(entries.contains { $0.value == .array(.string(plain.dropLast())) })
        let nested = try tokenizerKeys(files.with("config.json", #"{"text_config":{"vocab_size":600}}"#))
        #expect(nested.strings("tokens").count == 600)
    }

    @Test func typesAndSpecialTokens() throws {
        let keys = try tokenizerKeys(TokenizerFixture.llama3.files())
        let tokens = keys.strings("tokens"), types = keys.types()
        func type(_ text: String) -> Int32? { tokens.firstIndex(of: text).map { types[$0] } }
        #expect(type("<|begin_of_text|>") == 3 && type("<tool>") == 4 && type("e") == 1)
        #expect(keys[tokenizer: "bos_token_id"] == tokens.firstIndex(of: "<|begin_of_text|>").map { .uint32(UInt32($0)) })
        #expect(keys[tokenizer: "add_bos_token"] == .bool(true) && keys[tokenizer: "add_eos_token"] == .bool(false))
        #expect(keys[tokenizer: "scores"] == nil && keys[tokenizer: "add_space_prefix"] == nil)
        let pieces = try tokenizerKeys(TokenizerFixture.llama2.files())
        #expect(Array(pieces.types().prefix(4)) == [2, 3, 3, 6] && pieces[tokenizer: "unknown_token_id"] == .uint32(0))
        #expect(pieces[tokenizer: "merges"] == nil && pieces[tokenizer: "add_space_prefix"] == .bool(true))
        #expect(try tokenizerKeys(TokenizerFixture.gemma.files())[tokenizer: "add_space_prefix"] == .bool(false))
    }

    @Test func whatEndsAGenerationHasItsRole() throws {
        let files = try TokenizerFixture.phi3.files()
        let tokens = try tokenizerKeys(files).strings("tokens")
        let end = try #require(tokens.firstIndex(of: "<|end|>"))
        let keys = try tokenizerKeys(files.with("generation_config.json", "{\"eos_token_id\":[2,\(end)]}"))
        #expect(keys[tokenizer: "eos_token_id"] == .uint32(2) && keys[tokenizer: "eot_token_id"] == .uint32(UInt32(end)))
        #expect(try tokenizerFiles(keys).document("generation_config.json")["eos_token_id"] == [2, JSONValue(end)])
    }

    @Test func chatTemplatesAreCarriedVerbatim() throws {
        let text = "{{ bos_token }}{%- for m in messages %}\u{301}\n\t\"\\\u{1}{% endfor %}"
        let files = try TokenizerFixture.gpt2.files()
        let jinja = try tokenizerKeys(files.with("chat_template.jinja", text))
        #expect(jinja["tokenizer.chat_template"] == .string(text))
        #expect(try tokenizerFiles(jinja).document("tokenizer_config.json")["chat_template"] == .string(text))
        let list: JSONValue = [["name": "default", "template": .string(text)], ["name": "tool_use", "template": "b"]]
        let named = try tokenizerKeys(files.with("tokenizer_config.json", "chat_template", list))
        #expect(named["tokenizer.chat_template"] == .string(text) && named["tokenizer.chat_template.tool_use"] == .string("b"))
        #expect(named["tokenizer.chat_templates"] == .array(.string(["tool_use"])))
        #expect(try tokenizerFiles(named).document("tokenizer_config.json")["chat_template"] == list)
        let config = files.with("tokenizer_config.json", "{}")
        let other = try tokenizerKeys(config.with("chat_template.json", JSONWriter.text(["chat_template": .string(text)])))
        #expect(other["tokenizer.chat_template"] == .string(text))
        #expect(throws: QAMError.self) { try tokenizerKeys(config.with("tokenizer_config.json", #"{"chat_template":[{"name":"a"}]}"#)) }
    }

    @Test func withoutATokenizerThereIsAWarning() throws {
        let (entries, warnings) = try TokenizerConversion.ggufMetadata(files: [])
        #expect(entries.isEmpty && warnings.count == 1)
        #expect(try TokenizerConversion.huggingFaceFiles(metadata: Metadata()).isEmpty)
    }

    @Test func whatGGUFCannotExpressIsWarnedOf() throws {
        let files = try TokenizerFixture.gpt2.files()
        func warnings(_ files: [MemoryFile]) throws -> [String] { try TokenizerConversion.ggufMetadata(files: files).warnings }
        #expect(try warnings(files.with("tokenizer.json", "normalizer", ["type": "Lowercase"])).contains { $0.contains("Lowercase") })
        #expect(try warnings(files.with("tokenizer.json", "normalizer", ["type": "NFC"])).isEmpty)
        let bytes = try #require(try TokenizerFixture.llama3.files().first { $0.name == "tokenizer.json" }).bytes
        let text = String(decoding: bytes, as: UTF8.self).replacing("\"rstrip\":false", with: "\"rstrip\":true", maxReplacements: 1)
        #expect(try warnings(TokenizerFixture.llama3.files().with("tokenizer.json", text)).contains { $0.contains("<|begin_of_text|>") })
        let prefix: JSONValue = ["type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true]
        #expect(try warnings(files.with("tokenizer.json", "pre_tokenizer", prefix)).count == 1)
    }
}
