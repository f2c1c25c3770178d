import Architectures
import Converters
import QAMFormat
import Testing

/// Untrusted files: errors with a place, never traps.
@Suite struct TokenizerHostileTests {
    private func keys(_ json: String) throws -> Metadata { try tokenizerKeys([MemoryFile(name: "tokenizer.json", bytes: Array(json.utf8))]) }

    @Test(arguments: [
        "", "[]", "{}", "null", "{\"model\":null}", "{\"model\":{\"vocab\":{}},\"model\":{}}",
        #"{"model":{"type":"BPE","vocab":{"a":-1}}}"#, #"{"model":{"type":"BPE","vocab":{"a":1.5}}}"#, #"{"model":{"type":"BPE","vocab":{"a":"0"}}}"#,
        #"{"model":{"type":"BPE","vocab":{"a":1048576}}}"#, #"{"model":{"type":"BPE","vocab":{"a":99999999999999999999}}}"#,
        #"{"model":{"type":"BPE","byte_fallback":true,"vocab":{"a":0,"b":0}}}"#, #"{"model":{"type":"BPE","byte_fallback":true,"vocab":{"a":0,"a":1}}}"#,
        #"{"model":{"type":"BPE","merges":["a"]}}"#, #"{"model":{"type":"BPE","merges":["a b c"]}}"#, #"{"model":{"type":"BPE","merges":[["a"]]}}"#,
        #"{"model":{"type":"BPE","merges":[["a","b","c"]]}}"#, #"{"model":{"type":"BPE","merges":[["","b"]]}}"#, #"{"model":{"type":"BPE","merges":[1]}}"#,
        #"{"model":{"type":"BPE","byte_fallback":true,"vocab":{"a":0},"merges":["a a"]}}"#,
        #"{"added_tokens":[{"id":0}],"model":{"type":"BPE","byte_fallback":true}}"#, #"{"added_tokens":[{"content":"a"}],"model":{"type":"BPE"}}"#,
        #"{"added_tokens":[{"id":0,"content":"b"}],"model":{"type":"BPE","byte_fallback":true,"vocab":{"a":0}}}"#,
        #"{"added_tokens":[{"id":1,"content":"a"}],"model":{"type":"BPE","byte_fallback":true,"vocab":{"a":0}}}"#,
        #"{"pre_tokenizer":{"type":"Sequence","pretokenizers":[{"type":"Sequence","pretokenizers":[{"type":"ByteLevel"}]},{"type":"Whitespace"}]},"model":{}}"#,
    ])
    func badTokenizersAreRefused(json: String) {
        #expect { try keys(json) } throws: { ($0 as? QAMError)?.place.file == "tokenizer.json" }
    }

    /// The weights can be converted without the tokenizer.
    @Test(arguments: [
        (#"{"model":{"type":"Unigram","vocab":[["a",0.5]]}}"#, "\"Unigram\""), (#"{"model":{"type":"WordPiece","vocab":{"a":0}}}"#, "\"WordPiece\""),
        (#"{"model":{"type":"BPE","end_of_word_suffix":"</w>","byte_fallback":true}}"#, "\"end_of_word_suffix\""),
        (#"{"model":{"type":"BPE","vocab":{"a":0}}}"#, "bytes"), ("{\"model\":{}}", "bytes"),
        (#"{"pre_tokenizer":{"type":"ByteLevel","use_regex":true},"model":{"type":"BPE","vocab":{"a":0},"merges":[["a ","a"]]}}"#, "space"),
    ])
    func kindsThatCannotBeSaidAreLeftOut(json: String, word: String) throws {
        let (entries, warnings) = try TokenizerConversion.ggufMetadata(files: [MemoryFile(name: "tokenizer.json", bytes: Array(json.utf8))])
        #expect(entries.isEmpty && warnings.count == 1)
        #expect(warnings[0].contains(word) && warnings[0].contains("the output has no tokenizer"))
    }

    @Test(arguments: [
        ("config.json", #"{"vocab_size":-1}"#), ("config.json", #"{"vocab_size":1048577}"#), ("config.json", #"{"vocab_size":"many"}"#), ("config.json", "[]"),
        ("config.json", "{"), ("tokenizer_config.json", #"{"chat_template":7}"#), ("tokenizer_config.json", "3"),
        ("generation_config.json", "{\"a\":1,\"a\":2}"),
        ("special_tokens_map.json", "nul"),
    ])
    func badConfigurationsAreRefused(name: String, text: String) throws {
        let files = try TokenizerFixture.gpt2.files().with(name, text)
        #expect { try tokenizerKeys(files) } throws: { ($0 as? QAMError)?.place.file == name }
    }

    @Test func oddConfigurationsDoNoHarm() throws {
        let plain = try TokenizerFixture.gpt2.files().with("tokenizer_config.json", "{}")
        for (name, text) in [
            ("generation_config.json", #"{"eos_token_id":[],"bos_token_id":-1,"pad_token_id":1e3}"#),
            ("special_tokens_map.json", #"{"bos_token":[1],"eos_token":{"a":1}}"#),
            ("config.json", #"{"eos_token_id":100000,"bos_token_id":"x","text_config":7}"#),
            ("generation_config.json", #"{"eos_token_id":[9999999,"x",null]}"#),
        ] {
            let keys = try tokenizerKeys(plain.with(name, text))
            #expect(keys[tokenizer: "bos_token_id"] == nil && keys[tokenizer: "eos_token_id"] == nil, "\(name)")
        }
    }

    /// tokenizer.model has its special tokens at 0 to 2, and the model has fewer rows.
    @Test(arguments: [1, 2]) func specialTokensThatAreCutOffAreNone(rows: Int) throws {
        let files = try TokenizerFixture.llama2.files(without: ["tokenizer.json", "tokenizer_config.json"])
        let keys = try tokenizerKeys(files.with("config.json", #"{"vocab_size":\#(rows)}"#))
        #expect(keys.strings("tokens").count == rows)
        #expect(keys[tokenizer: "unknown_token_id"] == .uint32(0))
        #expect(keys[tokenizer: "bos_token_id"] == (rows > 1 ? .uint32(1) : nil))
        #expect(keys[tokenizer: "eos_token_id"] == nil)
    }

    @Test func everyTruncationIsRefused() throws {
        for fixture in [TokenizerFixture.llama3, .gemma] {
            for file in try fixture.files() where file.name != "tokenizer.model" {
                let others = try fixture.files(without: [file.name])
                #expect(file.bytes.count > 2, "\(file.name)")
                for count in stride(from: 0, to: file.bytes.count - 2, by: 97) {
                    #expect(throws: QAMError.self) { try tokenizerKeys(others + [MemoryFile(name: file.name, bytes: Array(file.bytes.prefix(count)))]) }
                }
            }
        }
    }

    /// Any changed byte gives a tokenizer or an error, and its keys give files or an error.
    @Test(arguments: [(TokenizerFixture.llama3, "tokenizer.json"), (.gemma, "tokenizer.json"), (.gemma, "tokenizer.model")])
    func changedBytesNeverTrap(fixture: TokenizerFixture, name: String) throws {
        let others = try fixture.files(without: name == "tokenizer.model" ? ["tokenizer.json", name] : [name, "tokenizer.model"])
        let bytes = try #require(try fixture.files().first { $0.name == name }).bytes
        var results: [Bool: Int] = [:]
        for (number, value) in noise(600, seed: 7).enumerated() {
            var changed = bytes
            changed[(number * 7919 + Int(value)) % bytes.count] = number.isMultiple(of: 2) ? value : UInt8(ascii: "0")
            do {
                let keys = try tokenizerKeys(others + [MemoryFile(name: name, bytes: changed)])
                _ = try tokenizerFiles(keys)
                results[true, default: 0] += 1
            } catch is QAMError {
                results[false, default: 0] += 1
            }
        }
        #expect(results.values.reduce(0, +) == 600 && results.count == 2)
    }

    @Test func keysThatContradictThemselvesAreRefused() throws {
        let good = try tokenizerKeys(TokenizerFixture.llama2.files())
        let bytes = try tokenizerKeys(TokenizerFixture.gpt2.files())
        func refused(_ metadata: Metadata, _ key: String, _ value: MetadataValue, _ code: QAMError.Code = .malformed) {
            var metadata = metadata
            metadata.set("tokenizer.ggml.\(key)", value)
            #expect("\(key)") { try tokenizerFiles(metadata) } throws: {
                guard let error = $0 as? QAMError else { return false }
                return error.code == code && error.place.section == "tokenizer.ggml.\(key)"
            }
        }
        refused(good, "tokens", .string("a"))
        refused(good, "tokens", .array(.string(Array(repeating: "a", count: 512))))
        refused(good, "scores", .array(.float32([1])))
        refused(good, "scores", .array(.float32(Array(repeating: .nan, count: 512))))
        refused(good, "token_type", .array(.int32([1, 1])))
        refused(good, "token_type", .array(.string(["1"])))
        refused(good, "model", .string("t5"), .unsupported)
        refused(good, "model", .uint8(1))
        refused(good, "bos_token_id", .string("1"))
        refused(good, "add_bos_token", .uint8(1))
        refused(bytes, "pre", .string("unheard-of"), .unsupported)
        refused(bytes, "merges", .array(.string(["e"])))
        refused(bytes, "merges", .array(.string(["e "])))
        refused(bytes, "merges", .array(.string(["e no-such-token"])))
        refused(bytes, "merges", .uint32(1))
        var odd = good
        odd.set("tokenizer.ggml.bos_token_id", .uint32(.max))
        odd.set("tokenizer.ggml.eos_token_id", .int64(-5))
        #expect(try tokenizerFiles(odd).document("tokenizer_config.json")["bos_token"] == "<s>")
    }

    /// Millions of splits with equal scores are refused before they are stored and sorted.
    @Test func nestedPiecesOfOneScoreAreRefusedBeforeTheyAreSorted() throws {
        var keys = Metadata()
        keys.set("tokenizer.ggml.model", .string("llama"))
        keys.set("tokenizer.ggml.tokens", .array(.string(["<unk>"] + (1...3000).map { String(repeating: "a", count: $0) })))
        let error = #expect(throws: QAMError.self) { try tokenizerFiles(keys) }
        #expect(error?.code == .limitExceeded)
        // The first n for which the sum of k (k - 1) up to it exceeds 64 times the 4,501,505 bytes.
        #expect(error?.message.contains("token 953 exceeds") == true, "\(error?.message ?? "")")
    }

    /// Nested pieces give a merge per split, and long nested pieces more text than a file may have.
    @Test func nestedPiecesAreBounded() throws {
        func merges(_ longest: Int) throws -> Int {
            var keys = Metadata()
            keys.set("tokenizer.ggml.model", .string("llama"))
            keys.set("tokenizer.ggml.tokens", .array(.string(["<unk>"] + (1...longest).map { String(repeating: "a", count: $0) })))
            guard case .array(let merges)? = try tokenizerFiles(keys).document("tokenizer.json")["model"]?["merges"] else { return 0 }
            return merges.count
        }
        #expect(try merges(60) == 60 * 59 / 2)
        #expect { try merges(1500) } throws: { ($0 as? QAMError)?.code == .limitExceeded }
    }
}
