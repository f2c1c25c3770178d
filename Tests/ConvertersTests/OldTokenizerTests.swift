import Architectures
import Converters
import QAMFormat
import Testing

/// Tokenizers in files other than tokenizer.json: vocab.json with merges.txt, and Mistral's tekken.json.
@Suite struct OldTokenizerTests {
    /// The files of a byte-level tokenizer in the older form.
    private static func old(_ fixture: TokenizerFixture, className: String?, more: [(String, String)] = []) throws -> [MemoryFile] {
        let files = try fixture.files()
        let model = try #require(files.document("tokenizer.json")["model"])
        let merges = try #require(model["merges"]).elements.map { merge -> String in
            merge.string ?? merge.elements.compactMap(\.string).joined(separator: " ")
        }
        let added = try #require(files.document("tokenizer.json")["added_tokens"]).elements.map { token in
            JSONValue.Member("\(JSONWriter.text(token["id"] ?? .null))", token)
        }
        var old = files.filter { $0.name != "tokenizer.json" }
        if let className { old = try old.with("tokenizer_config.json", "tokenizer_class", .string(className)) }
        old = try old.with("tokenizer_config.json", "added_tokens_decoder", .object(added))
        old = old.with("vocab.json", JSONWriter.text(try #require(model["vocab"])))
        old = old.with("merges.txt", "#version: 0.2\n" + merges.joined(separator: "\n") + "\n")
        return more.reduce(old) { $0.with($1.0, $1.1) }
    }

    @Test(arguments: [(TokenizerFixture.qwen2, "Qwen2Tokenizer"), (.qwen2, "Qwen2TokenizerFast"), (.gpt2, "GPT2Tokenizer")])
    func vocabularyAndMergesAreTokenizerJSON(fixture: TokenizerFixture, className: String) throws {
        let expected = try tokenizerKeys(fixture.files()), found = try tokenizerKeys(Self.old(fixture, className: className))
        for key in ["model", "pre", "tokens", "token_type", "merges", "bos_token_id", "eos_token_id", "padding_token_id"] {
            #expect(found[tokenizer: key] == expected[tokenizer: key], "\(key)")
        }
        // With CRLF line ends.
        let files = try Self.old(fixture, className: className)
        let merges = String(decoding: try #require(files.first { $0.name == "merges.txt" }).bytes, as: UTF8.self)
        let windows = try tokenizerKeys(files.with("merges.txt", merges.replacing("\n", with: "\r\n")))
        #expect(windows[tokenizer: "merges"] == expected[tokenizer: "merges"])
    }

    @Test func theClassDecidesHowTextsAreCut() throws {
        let unnamed = try Self.old(.qwen2, className: nil).with("tokenizer_config.json", "tokenizer_class", .null)
        #expect(try tokenizerKeys(unnamed.with("config.json", #"{"model_type": "qwen3"}"#))[tokenizer: "pre"] == .string("qwen2"))
        let unknown = try Self.old(.qwen2, className: "MyTokenizer")
        let (entries, warnings) = try TokenizerConversion.ggufMetadata(files: unknown)
        #expect(entries.isEmpty && warnings.count == 1 && warnings[0].contains("MyTokenizer") && warnings[0].contains("--tokenizer-pre"))
        #expect(try tokenizerKeys(unknown, pre: "qwen2")[tokenizer: "pre"] == .string("qwen2"))
        let prefixed = try Self.old(.gpt2, className: "GPT2Tokenizer").with("tokenizer_config.json", "add_prefix_space", true)
        #expect(try TokenizerConversion.ggufMetadata(files: prefixed).warnings.contains { $0.contains("begins with a space") })
    }

    @Test(arguments: ["a", "a b c", " a", "a "]) func mergesThatAreNone(_ line: String) throws {
        let error = #expect(throws: QAMError.self) {
            try tokenizerKeys(Self.old(.qwen2, className: "Qwen2Tokenizer", more: [("merges.txt", "a b\n\(line)\n")]))
        }
        #expect(error?.code == .malformed && error?.place.file == "merges.txt" && error?.message.contains("line 2") == true)
    }

    @Test func oneFileAloneIsNoTokenizer() throws {
        let files = try Self.old(.qwen2, className: "Qwen2Tokenizer")
        for name in ["vocab.json", "merges.txt"] {
            #expect(try TokenizerConversion.ggufMetadata(files: files.filter { $0.name != name }).entries.isEmpty)
        }
    }

    // MARK: tekken.json

    private static let pattern = try? TokenizerFixture.tekken.files().document("tokenizer.json")["pre_tokenizer"]?["pretokenizers"]?.elements.first?[
        "pattern"]?["Regex"]

    private static func base64(_ bytes: [UInt8]) -> String {
        let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
        var text = ""
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let part = bytes[start..<min(start + 3, bytes.count)]
            let bits = part.reduce(0) { $0 << 8 | Int($1) } << (8 * (3 - part.count))
            for digit in 0..<4 { text.append(digit <= part.count ? digits[bits >> (18 - 6 * digit) & 63] : "=") }
        }
        return text
    }

    /// A tekken.json with the 256 byte tokens and the given ones.
    private static func tekken(_ tokens: [String], special: Int = 20, total: Int? = nil, listed: JSONValue = .null) throws -> MemoryFile {
        let ranked = (0..<256).map { [UInt8($0)] } + tokens.map { Array($0.utf8) }
        let vocabulary = ranked.enumerated().map { rank, bytes -> JSONValue in
            ["rank": JSONValue(rank), "token_bytes": .string(base64(bytes)), "token_str": .null]
        }
        let config: JSONValue = [
            "pattern": try #require(pattern), "num_vocab_tokens": JSONValue(ranked.count), "default_vocab_size": JSONValue(total ?? special + ranked.count),
            "default_num_special_tokens": JSONValue(special), "version": "v3",
        ]
        let document: JSONValue = ["config": config, "vocab": .array(vocabulary), "special_tokens": listed]
        return MemoryFile(name: "tekken.json", bytes: Array(JSONWriter.text(document).utf8))
    }

    @Test func ranksBecomeMerges() throws {
        let keys = try tokenizerKeys([try Self.tekken(["ab", "abc", " a", "é", "bc"].sorted { $0.utf8.count < $1.utf8.count } + ["  "], special: 22)])
        #expect(keys[tokenizer: "model"] == .string("gpt2") && keys[tokenizer: "pre"] == .string("tekken"))
        let tokens = keys.strings("tokens"), merges = keys.strings("merges")
        #expect(tokens.prefix(4) == ["<unk>", "<s>", "</s>", "[INST]"] && tokens[19...21] == ["[TOOL_CONTENT]", "<SPECIAL_20>", "<SPECIAL_21>"])
        // The printable characters of byte-level BPE.
        #expect(tokens[22] == "\u{100}" && tokens[22 + 0x20] == "\u{120}" && tokens[22 + 0x41] == "A" && tokens[22 + 0xAD] == "\u{143}")
        #expect(tokens.contains("\u{120}\u{120}") && tokens.contains("\u{C3}\u{A9}"))
        #expect(merges.contains("a b") && merges.contains("ab c") && merges.contains("a bc"))
        #expect(merges.firstIndex(of: "a bc") ?? 0 < merges.firstIndex(of: "ab c") ?? 0)
        #expect(keys.types().prefix(23) == ([Int32](repeating: 3, count: 22) + [1])[...])
        #expect(
            keys[tokenizer: "bos_token_id"] == .uint32(1) && keys[tokenizer: "eos_token_id"] == .uint32(2) && keys[tokenizer: "unknown_token_id"] == .uint32(0))
        #expect(keys[tokenizer: "padding_token_id"] == .uint32(11) && keys[tokenizer: "add_bos_token"] == .bool(true))
    }

    @Test func specialTokensMayBeListedAndTokensCutOff() throws {
        let listed: JSONValue = [["rank": 0, "token_str": "<unk>", "is_control": true], ["rank": 2, "token_str": "<s>", "is_control": true]]
        let keys = try tokenizerKeys([try Self.tekken(["ab", "cd"], special: 3, total: 260, listed: listed)])
        #expect(keys.strings("tokens").count == 260 && keys.strings("tokens").prefix(3) == ["<unk>", "<SPECIAL_1>", "<s>"])
        #expect(keys.strings("merges") == ["a b"] && keys[tokenizer: "bos_token_id"] == .uint32(2))
    }

    @Test func whatIsNoTekkenIsRefused() throws {
        let unformed = try Self.tekken(["xyz"])
        let short = try Self.tekken(["ab"], total: 400)
        let bad = MemoryFile(name: "tekken.json", bytes: Array(String(decoding: try Self.tekken([]).bytes, as: UTF8.self).replacing("AA==", with: "A===").utf8))
        for (file, words) in [(unformed, "xyz"), (short, "rank 257"), (bad, "base64"), (MemoryFile(name: "tekken.json", bytes: Array("{}".utf8)), "pattern")] {
            let error = #expect(throws: QAMError.self) { try tokenizerKeys([file]) }
            #expect(error?.code == .malformed && error?.place.file == "tekken.json" && error?.message.contains(words) == true, "\(error.debugDescription)")
        }
    }
}

extension JSONValue {
    fileprivate var string: String? { if case .string(let text) = self { text } else { nil } }
    fileprivate var elements: [JSONValue] { if case .array(let elements) = self { elements } else { [] } }
}
