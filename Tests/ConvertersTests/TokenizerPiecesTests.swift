import Architectures
import Converters
import QAMFormat
import Testing

/// SentencePiece tokenizers: scores, merges and tokenizer.model.
@Suite struct TokenizerPiecesTests {
    /// The merges determine the scores that SentencePiece's trainer wrote, for all tokens that can be merged.
    @Test(arguments: [TokenizerFixture.llama2, .gemma])
    func scoresFollowFromMerges(fixture: TokenizerFixture) throws {
        let both = try tokenizerKeys(fixture.files()), json = try tokenizerKeys(fixture.files(without: ["tokenizer.model"]))
        let model = try tokenizerKeys(fixture.files(without: ["tokenizer.json"]))
        #expect(json.strings("tokens") == both.strings("tokens") && model.strings("tokens") == both.strings("tokens"))
        #expect(json.types() == both.types() && model.types() == both.types())
        for (id, type) in both.types().enumerated() where type == 1 {
            #expect(json.scores()[id] == both.scores()[id] && model.scores()[id] == both.scores()[id], "\(id)")
        }
        #expect(both.scores().min() == -10_000 && both.scores().contains(-1))
    }

    /// The merges are those of Hugging Face's conversion rule.
    @Test func mergesFollowFromScores() throws {
        var keys = try tokenizerKeys(TokenizerFixture.llama2.files())
        let tokens = ["<unk>", "a", "b", "ab", "ba", "aba", "é", "éa", "aé", "aéa"]
        let scores: [Float] = [0, -9, -9, -1, -3, -3, -9, -2, -2, -5]
        keys.set("tokenizer.ggml.tokens", .array(.string(tokens)))
        keys.set("tokenizer.ggml.scores", .array(.float32(scores)))
        keys.set("tokenizer.ggml.token_type", .array(.int32([2] + Array(repeating: 1, count: 9))))
        let expected: [JSONValue] = [["a", "b"], ["é", "a"], ["a", "é"], ["ab", "a"], ["a", "ba"], ["b", "a"], ["aé", "a"], ["a", "éa"]]
        #expect(try tokenizerFiles(keys).document("tokenizer.json")["model"]?["merges"] == .array(expected))
    }

    @Test func userDefinedTokensHaveSpacesInGGUFAndMarksInPieces() throws {
        let keys = try tokenizerKeys(TokenizerFixture.gemma.files())
        let id = try #require(keys.strings("tokens").firstIndex(of: "  "))
        #expect(keys.types()[id] == 4)
        let files = try tokenizerFiles(keys)
        #expect(try files.document("tokenizer.json")["model"]?["vocab"]?["\u{2581}\u{2581}"] == JSONValue(id))
        guard case .array(let added)? = try files.document("tokenizer.json")["added_tokens"] else {
            Issue.record("no added tokens")
            return
        }
        let token = try #require(added.first { $0["id"] == JSONValue(id) })
        #expect(token["content"] == "\u{2581}\u{2581}" && token["normalized"] == true && token["special"] == false)
    }

    @Test func mergesThatSentencePieceWouldNotKeepAreWarnedOf() throws {
        var files = try TokenizerFixture.llama2.files(without: ["tokenizer.model"])
        guard case .object(var model)? = try files.document("tokenizer.json")["model"], case .array(let merges)? = JSONValue.object(model)["merges"]
        else {
            Issue.record("no merges")
            return
        }
        #expect(try TokenizerConversion.ggufMetadata(files: files).warnings.isEmpty)
        model.removeAll { $0.key == "merges" }
        model.append(.init("merges", .array(Array(merges.dropLast()))))
        files = try files.with("tokenizer.json", "model", .object(model))
        #expect(try TokenizerConversion.ggufMetadata(files: files).warnings.contains { $0.contains("joined") })
    }

    @Test func tokenizerModelMustFitTokenizerJSON() throws {
        let other = try #require(try TokenizerFixture.gemma.files().first { $0.name == "tokenizer.model" })
        let files = try TokenizerFixture.llama2.files(without: ["tokenizer.model"])
        let (entries, warnings) = try TokenizerConversion.ggufMetadata(files: files + [other])
        #expect(warnings.contains { $0.contains("tokenizer.model") })
        #expect(try entries == TokenizerConversion.ggufMetadata(files: files).entries)
    }

    @Test func addedTokensBesideTokenizerModel() throws {
        let files = try TokenizerFixture.llama2.files(without: ["tokenizer.json"])
            .with("added_tokens.json", #"{"<extra>":480}"#)
            .with(
                "tokenizer_config.json",
                """
                {"added_tokens_decoder":{"481":{"content":"<|chat|>","special":false},"0":{"content":"<unk>","special":true}},
                "add_bos_token":true,"add_eos_token":true,"add_prefix_space":false}
                """)
        let keys = try tokenizerKeys(files)
        #expect(Array(keys.strings("tokens")[480...482]) == ["<extra>", "<|chat|>", "[PAD482]"])
        #expect(Array(keys.types()[480...482]) == [4, 3, 5] && keys.types()[0] == 2)
        #expect(keys[tokenizer: "add_eos_token"] == .bool(true) && keys[tokenizer: "add_space_prefix"] == .bool(false))
    }

    /// Field by field, by the definition of the protocol buffer.
    @Test func sentencePieceModelsAreReadStrictly() throws {
        func field(_ number: UInt8, _ bytes: [UInt8]) -> [UInt8] { [number << 3 | 2, UInt8(bytes.count)] + bytes }
        let piece = field(1, field(1, Array("a".utf8)) + [0x15, 0, 0, 0x80, 0xBF] + [0x18, 1])
        let unknown = field(1, field(1, Array("<unk>".utf8)) + [0x18, 2]) + field(1, field(1, Array("<0x41>".utf8)) + [0x18, 6])
        let bpe = field(2, [0x18, 2])
        func keys(_ bytes: [UInt8]) throws -> Metadata { try tokenizerKeys([MemoryFile(name: "tokenizer.model", bytes: bytes)]) }
        let good = try keys(unknown + piece + bpe)
        #expect(good.strings("tokens") == ["<unk>", "<0x41>", "a"] && good.scores() == [0, 0, -1] && good.types() == [2, 6, 1])
        #expect(try keys(bpe + [0x28, 7, 0x31, 1, 2, 3, 4, 5, 6, 7, 8, 0x3D, 1, 2, 3, 4] + unknown + piece).entries == good.entries)
        #expect(try keys(unknown + piece).entries.isEmpty)
        let bad: [[UInt8]] = [
            field(1, []), field(1, [0x18, 1]), field(1, field(1, [0xFF])), field(1, field(1, [0x61]) + [0x18, 9]), field(1, field(1, [0x61]) + [0x1D]),
            field(1, field(1, [0x61]) + [0x15, 0, 0, 0xC0, 0x7F]), [0x0A, 9, 1], [0x08, 1], [0x0B], [0x02, 0], [0x80], Array(repeating: 0x80, count: 11),
            [0x0A] + Array(repeating: 0xFF, count: 9) + [1],
        ]
        for bytes in bad {
            #expect(throws: QAMError.self, "\(bytes)") { try keys(bpe + unknown + bytes) }
        }
        #expect(throws: QAMError.self) { try keys(bpe + unknown + piece + piece) }
    }
}
