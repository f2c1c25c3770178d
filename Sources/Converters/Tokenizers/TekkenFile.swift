import Architectures
internal import QAMFormat

/// Mistral's tekken.json: byte-level BPE by ranks, as in tiktoken. Special tokens have the first ids; the others follow by rank.
struct TekkenFile {
    /// The expression that cuts texts.
    let pattern: String
    /// The texts of special tokens by id.
    let special: [String]
    /// The bytes of the other tokens by rank.
    private let ranked: [[UInt8]]

    /// The texts of special tokens that have roles.
    static let roles: [(SpecialTokens.Role, String)] = [(.unk, "<unk>"), (.bos, "<s>"), (.eos, "</s>"), (.pad, "<pad>")]

    /// The special tokens of files that do not list them, in order of their ids.
    private static let usual = [
        "<unk>", "<s>", "</s>", "[INST]", "[/INST]", "[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]", "[TOOL_RESULTS]", "[/TOOL_RESULTS]", "[TOOL_CALLS]", "[IMG]",
        "<pad>", "[IMG_BREAK]", "[IMG_END]", "[PREFIX]", "[MIDDLE]", "[SUFFIX]", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]", "[TOOL_CONTENT]",
    ]

    /// Errors are `malformed`. Linear in the bytes.
    init(_ bytes: [UInt8], section: String) throws {
        let document = try JSONValue(parsing: bytes, section: section)
        func fault(_ message: String) -> QAMError { QAMError(.malformed, message, at: .init(section: section)) }
        func count(_ key: String) throws -> Int {
            guard let count = document["config"]?[key]?.index, count <= Tokenizer.maximumCount else {
                throw fault("\"config.\(key)\" is not a number of tokens")
            }
            return count
        }
        guard let pattern = document["config"]?["pattern"]?.string else { throw fault("\"config.pattern\" is missing") }
        self.pattern = pattern
        let specialCount = try count("default_num_special_tokens"), total = try count("default_vocab_size")
        guard specialCount <= total else { throw fault("there are more special tokens (\(specialCount)) than tokens (\(total))") }

        var special = (0..<specialCount).map { $0 < Self.usual.count ? Self.usual[$0] : "<SPECIAL_\($0)>" }
        if let listed = document["special_tokens"], listed != .null {
            special = (0..<specialCount).map { "<SPECIAL_\($0)>" }
            for token in listed.elements {
                guard let rank = token["rank"]?.index, rank < specialCount, let text = token["token_str"]?.string else {
                    throw fault("a special token has no text, or a rank beyond the \(specialCount) special tokens")
                }
                special[rank] = text
            }
        }
        self.special = special

        // Files have more tokens than models use.
        var ranked = [[UInt8]?](repeating: nil, count: total - specialCount)
        for token in document["vocab"]?.elements ?? [] {
            guard let rank = token["rank"]?.index, let text = token["token_bytes"]?.string, let bytes = Self.decoded(text), !bytes.isEmpty else {
                throw fault("a token has no rank, or no bytes in base64")
            }
            if rank < ranked.count { ranked[rank] = bytes }
        }
        if let gap = ranked.firstIndex(of: nil) { throw fault("there is no token of rank \(gap), and \(ranked.count) are to be used") }
        self.ranked = ranked.compactMap(\.self)
    }

    /// The texts of the tokens by rank, each byte as a printable character.
    var tokens: [String] { ranked.map(ByteCharacters.text) }

    /// All pairs of tokens that form a token, in order of its rank, then of theirs: what BPE by ranks does. Throws `malformed` for a token of several
    /// bytes that no two others form, and `limitExceeded` for tokens so long that there would be too many pairs.
    var merges: [Tokenizer.Merge] {
        get throws {
            let texts = tokens, index = PieceIndex(texts)
            var merges: [Tokenizer.Merge] = []
            for (rank, text) in texts.enumerated() where ranked[rank].count > 1 {
                var pairs: [(left: Int, right: Int)] = []
                index.splits(of: rank) { left, right, _, _ in pairs.append((left, right)) }
                guard !pairs.isEmpty else {
                    throw QAMError(
                        .malformed, "no two tokens form the token of rank \(rank), \"\(text)\"", at: .init(file: TokenizerFiles.Name.tekken.rawValue))
                }
                pairs.sort { $0 < $1 }
                merges += pairs.map { Tokenizer.Merge(left: texts[$0.left], right: texts[$0.right]) }
                guard merges.count <= 64 * Tokenizer.maximumCount else {
                    throw QAMError(
                        .limitExceeded, "the tokens can be formed from one another in too many ways", at: .init(file: TokenizerFiles.Name.tekken.rawValue))
                }
            }
            return merges
        }
    }

    /// Standard base64 with padding; nil for anything else.
    private static func decoded(_ text: String) -> [UInt8]? {
        var bytes: [UInt8] = [], bits: UInt32 = 0, count = 0, padding = 0
        guard text.utf8.count % 4 == 0 else { return nil }
        for character in text.utf8 {
            let value: UInt8
            switch character {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"): value = character - UInt8(ascii: "A")
            case UInt8(ascii: "a")...UInt8(ascii: "z"): value = character - UInt8(ascii: "a") + 26
            case UInt8(ascii: "0")...UInt8(ascii: "9"): value = character - UInt8(ascii: "0") + 52
            case UInt8(ascii: "+"): value = 62
            case UInt8(ascii: "/"): value = 63
            case UInt8(ascii: "="): (value, padding) = (0, padding + 1)
            default: return nil
            }
            guard padding == 0 || character == UInt8(ascii: "=") else { return nil }
            bits = bits << 6 | UInt32(value)
            count += 1
            if count == 4 {
                bytes += [UInt8(bits >> 16 & 0xFF), UInt8(bits >> 8 & 0xFF), UInt8(bits & 0xFF)]
                (bits, count) = (0, 0)
            }
        }
        guard padding <= 2 else { return nil }
        return Array(bytes.dropLast(padding))
    }
}
