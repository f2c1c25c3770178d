internal import QAMFormat

/// The ids of tokens with special roles.
struct SpecialTokens {
    enum Role: String, CaseIterable {
        case bos, eos, unk, sep, pad, cls, mask, eot, eom

        /// GGUF's key.
        var key: String {
            switch self {
            case .unk: "tokenizer.ggml.unknown_token_id"
            case .sep: "tokenizer.ggml.seperator_token_id"
            case .pad: "tokenizer.ggml.padding_token_id"
            default: "tokenizer.ggml.\(rawValue)_token_id"
            }
        }

        /// The roles named in Hugging Face's files.
        static let named: [Role] = [.bos, .eos, .unk, .sep, .pad, .cls, .mask]
    }

    private var ids: [Role: Int]

    init(ids: [Role: Int] = [:]) { self.ids = ids }

    subscript(role: Role) -> Int? {
        get { ids[role] }
        set { ids[role] = newValue }
    }

    /// The ids within a vocabulary of this size; others are ignored, as other loaders do.
    func within(_ tokenCount: Int) -> SpecialTokens { SpecialTokens(ids: ids.filter { $0.value < tokenCount }) }

    /// Texts of tokens that end a turn, most reliable first.
    private static let turnEndings = [
        "<|eot_id|>", "<|im_end|>", "<end_of_turn>", "<|end|>", "<end_of_utterance>", "<EOT>", "[EOT]",
    ]

    /// Assigns roles to further tokens that end generation, if their texts are known.
    mutating func assignEndings(_ endings: [Int], texts: (Int) -> String) {
        let others = endings.filter { $0 != self[.eos] }
        self[.eom] = others.first { texts($0) == "<|eom_id|>" }
        if let eos = self[.eos], Self.turnEndings.contains(texts(eos)) { return }
        for text in Self.turnEndings where self[.eot] == nil { self[.eot] = others.first { texts($0) == text } }
    }
}

extension SpecialTokens {
    /// Reads the ids from GGUF's keys. Ids outside the vocabulary are ignored, as other loaders do.
    init(_ metadata: Metadata, tokenCount: Int) throws {
        self.init()
        for role in Role.allCases {
            guard let id = try metadata.tokenizerInteger(role.key), (0..<tokenCount).contains(id) else { continue }
            self[role] = id
        }
    }

    var entries: [Metadata.Entry] {
        Role.allCases.compactMap { role in
            self[role].map { Metadata.Entry(key: role.key, value: .uint32(UInt32(truncatingIfNeeded: $0))) }
        }
    }
}
