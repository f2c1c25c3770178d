import Architectures
import Converters
import QAMFormat
import Testing

/// Texts to tokens and back, with the small tokenizers of testdata; what they should be comes from PyPI's tokenizers.
@Suite struct TextTokenizerTests {
    private static func tokenizer(_ fixture: TokenizerFixture) throws -> TextTokenizer {
        try #require(try ModelTokenizer(files: fixture.files())).tokenizer
    }

    private static let texts = [
        "", " ", "Hello,  world's end.\n\n\tI'M 12345 \u{BD} \u{E9}", "\u{4F60}\u{597D} \u{1F999}\u{200D} e\u{301}", "a<|im_start|>b<tool> c",
        "\u{2581}x  y\u{2581}\n",
        String(repeating: "ab ", count: 50), String(repeating: "x", count: 300),
    ]

    /// Decoding gives back the text, where nothing normalizes it.
    @Test(arguments: TokenizerFixture.allCases.filter { ![.qwen2, .llama2, .phi3, .gemma].contains($0) }, texts)
    func textsComeBack(fixture: TokenizerFixture, text: String) throws {
        let tokenizer = try Self.tokenizer(fixture)
        let ids = try tokenizer.encode(Array(text.utf8), isWhole: false)
        #expect(Array(tokenizer.decode(ids, skippingSpecial: false).utf8) == Array(text.utf8))
    }

    /// The same tokens from Hugging Face's files and from the keys that they become.
    @Test(arguments: TokenizerFixture.allCases) func keysEncodeAlike(fixture: TokenizerFixture) throws {
        let tokenizer = try Self.tokenizer(fixture)
        let other = try #require(try ModelTokenizer(metadata: tokenizerKeys(fixture.files()))).tokenizer
        for text in Self.texts {
            #expect(try other.encode(Array(text.utf8), isWhole: true) == tokenizer.encode(Array(text.utf8), isWhole: true), "\(text.debugDescription)")
        }
    }

    /// As tokens come one by one, only whole characters come out, and together they are the text.
    @Test(arguments: [TokenizerFixture.gpt2, .llama2, .gemma, .llama3]) func streamsHoldWholeCharacters(fixture: TokenizerFixture) throws {
        let tokenizer = try Self.tokenizer(fixture), text = "\u{1F999}\u{4F60}\u{E9} \u{1F680}x"
        let ids = try tokenizer.encode(Array(text.utf8), isWhole: false)
        var stream = tokenizer.stream(skippingSpecial: true)
        let parts = ids.map { stream.append($0) } + [stream.finish()]
        #expect(parts.joined() == tokenizer.decode(ids, skippingSpecial: true))
        #expect(parts.joined() == text)
        #expect(parts.allSatisfy { !$0.contains("\u{FFFD}") })
        #expect(parts.count { !$0.isEmpty } < ids.count)
    }

    @Test func incompleteCharactersAreReplaced() throws {
        let tokenizer = try Self.tokenizer(.llama2)
        let byte = try #require(tokenizer.id(of: "<0xF0>")), letter = try #require(tokenizer.id(of: "a"))
        #expect(tokenizer.decode([byte, byte, letter], skippingSpecial: true) == "\u{FFFD}\u{FFFD}a")
        var stream = tokenizer.stream(skippingSpecial: true)
        #expect(stream.append(byte) == "")
        #expect(stream.append(letter) == "\u{FFFD}a")
    }

    @Test func tokensStandAroundWholeTexts() throws {
        let tokenizer = try Self.tokenizer(.llama3), begin = try #require(tokenizer.id(of: "<|begin_of_text|>"))
        let plain = try tokenizer.encode(Array("Hi".utf8), isWhole: false)
        #expect(try tokenizer.encode(Array("Hi".utf8), isWhole: true) == [begin] + plain)
        #expect(tokenizer.decode([begin] + plain, skippingSpecial: true) == "Hi")
        #expect(tokenizer.decode([begin] + plain, skippingSpecial: false) == "<|begin_of_text|>Hi")
    }

    @Test func textsThatAreNoneAreRefused() throws {
        let tokenizer = try Self.tokenizer(.gpt2)
        let error = #expect(throws: QAMError.self) { try tokenizer.encode([0x61, 0xC3, 0x28], isWhole: false) }
        #expect(error?.code == .malformed)
        #expect(error?.place.offset == 1)
    }

    /// What is not known is refused by its name.
    @Test(arguments: [
        ("normalizer", #"{"type":"NFKC"}"#, "NFKC"), ("pre_tokenizer", #"{"type":"UnicodeScripts"}"#, "UnicodeScripts"),
        ("decoder", #"{"type":"CTC"}"#, "CTC"), ("post_processor", #"{"type":"Other"}"#, "Other"),
        ("pre_tokenizer", ##"{"type":"Split","pattern":{"Regex":"(?<=a)b"},"behavior":"Isolated"}"##, "(?<"),
        ("model", #"{"type":"Unigram","vocab":[]}"#, "Unigram"), ("model", #"{"type":"BPE","dropout":0.1,"vocab":{},"merges":[]}"#, "dropout"),
    ]) func unknownPartsAreNamed(key: String, part: String, name: String) throws {
        let value = try JSONValue(parsing: Array(part.utf8), section: "part")
        let files = try TokenizerFixture.gpt2.files().with("tokenizer.json", key, value)
        let error = #expect(throws: QAMError.self) { try ModelTokenizer(files: files) }
        #expect(error?.code == .unsupported)
        #expect(error?.message.contains(name) == true)
    }

    @Test func addedTokensTakeSpacesAndStandAlone() throws {
        let tokenizer = try Self.small(
            vocabulary: ["a", "b", " ", "x"], merges: [],
            added:
                #"[{"id":4,"content":"<l>","lstrip":true},{"id":5,"content":"<r>","rstrip":true},{"id":6,"content":"ab","single_word":true,"normalized":false}]"#
        )
        func ids(_ text: String) throws -> [UInt32] { try tokenizer.encode(Array(text.utf8), isWhole: false) }
        #expect(try ids("a  <l> b") == [0, 4, 2, 1])
        #expect(try ids("a <r>  b") == [0, 2, 5, 1])
        #expect(try ids("ab abx") == [6, 2, 0, 1, 3])
    }

    /// Long words are joined by a queue, short ones by looking: in the same order.
    @Test func longWordsAreJoinedLikeShortOnes() throws {
        let tokenizer = try Self.small(vocabulary: ["a", "b", "aa", "ab", "aab", "aaaa"], merges: [("a", "a"), ("a", "b"), ("aa", "b"), ("aa", "aa")])
        func ids(_ text: String) throws -> [UInt32] { try tokenizer.encode(Array(text.utf8), isWhole: false) }
        #expect(try ids("aaaaab") == [5, 3])
        #expect(try ids("aaab") == [2, 3])
        #expect(try ids("aab") == [4])
        let long = try ids(String(repeating: "aaaaab", count: 100))
        #expect(long == Array(repeating: [5, 3] as [UInt32], count: 100).flatMap(\.self))
    }

    /// BPE over characters without a pre-tokenizer.
    private static func small(vocabulary: [String], merges: [(String, String)], added: String = "[]") throws -> TextTokenizer {
        let texts = vocabulary.enumerated().map { "\"\($1)\":\($0)" }.joined(separator: ",")
        let pairs = merges.map { "[\"\($0.0)\",\"\($0.1)\"]" }.joined(separator: ",")
        let json = "{\"added_tokens\":\(added),\"model\":{\"type\":\"BPE\",\"vocab\":{\(texts)},\"merges\":[\(pairs)]}}"
        return try #require(try ModelTokenizer(files: [MemoryFile(name: "tokenizer.json", bytes: Array(json.utf8))])).tokenizer
    }
}
