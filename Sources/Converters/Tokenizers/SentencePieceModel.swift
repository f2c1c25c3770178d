internal import QAMFormat

/// The contents of SentencePiece's tokenizer.model: a protocol buffer, of which a few fields are used.
struct SentencePieceModel {
    /// Values of `sentencepiece::TrainerSpec::ModelType`; the first is the default.
    private static let defaultAlgorithm: UInt64 = 1
    private static let bytePairEncoding: UInt64 = 2

    private(set) var tokens: [Tokenizer.Token] = []
    private(set) var special = SpecialTokens()
    private(set) var addsSpacePrefix = true
    private var replacesCharacters = false
    /// The format's default.
    private var removesSpaces = true
    private var appendsMarks = false
    private var algorithm = Self.defaultAlgorithm

    /// Whether the pieces are merged by BPE; the alternative selects the most likely sequence.
    var isBytePairEncoding: Bool { algorithm == Self.bytePairEncoding }

    /// What the model does to texts, and GGUF loaders do not: ends of sentences about it.
    var notExpressed: [String] {
        [
            (replacesCharacters, "replaces characters"), (removesSpaces, "removes repeated, leading and trailing spaces"),
            (appendsMarks, "marks spaces at the ends of words"),
        ].filter(\.0).map(\.1)
    }

    /// Linear in the bytes. Errors are `malformed` and carry the offset.
    init(_ bytes: [UInt8], section: String) throws {
        // The trainer's defaults.
        var ids: [SpecialTokens.Role: Int] = [.unk: 0, .bos: 1, .eos: 2]
        var reader = ByteReader(bytes, section: section)
        try reader.message { reader, field in
            switch field.number {
            case 1:
                guard tokens.count < Tokenizer.maximumCount else { throw reader.malformed("there are too many pieces") }
                tokens.append(try Self.piece(&reader, field))
            case 2: try readTrainer(&reader, field, &ids)
            case 3: try readNormalizer(&reader, field)
            default: try reader.skip(field)
            }
        }
        for (role, id) in ids where tokens.indices.contains(id) { special[role] = id }
    }

    private static func piece(_ reader: inout ByteReader, _ field: ProtocolBufferField) throws -> Tokenizer.Token {
        var text: String?, score: Float = 0, type = TokenType.normal
        try reader.nested(field) { reader, field in
            switch field.number {
            case 1: text = try reader.text(field)
            case 2: score = try reader.float(field)
            case 3:
                let value = try reader.varint(field)
                guard let known = Int32(exactly: value).flatMap(TokenType.init) else {
                    throw reader.malformed("unknown piece type \(value)")
                }
                type = known
            default: try reader.skip(field)
            }
        }
        guard let text, !text.isEmpty else { throw reader.malformed("a piece has no text") }
        guard !score.isNaN else { throw reader.malformed("the score of \"\(text)\" is not a number") }
        return Tokenizer.Token(text: text, type: type, score: score)
    }

    private mutating func readNormalizer(_ reader: inout ByteReader, _ field: ProtocolBufferField) throws {
        try reader.nested(field) { reader, field in
            switch field.number {
            case 2: replacesCharacters = try !reader.bytes(field).isEmpty
            case 3: addsSpacePrefix = try reader.varint(field) != 0
            case 4: removesSpaces = try reader.varint(field) != 0
            default: try reader.skip(field)
            }
        }
    }

    private mutating func readTrainer(
        _ reader: inout ByteReader, _ field: ProtocolBufferField, _ ids: inout [SpecialTokens.Role: Int]
    ) throws {
        let roles: [UInt64: SpecialTokens.Role] = [40: .unk, 41: .bos, 42: .eos, 43: .pad]
        try reader.nested(field) { reader, field in
            if field.number == 3 {
                algorithm = try reader.varint(field)
            } else if field.number == 24 {
                appendsMarks = try reader.varint(field) != 0
            } else if let role = roles[field.number] {
                // Negative numbers, encoded as large ones, mean that there is no such token.
                ids[role] = Int(exactly: try reader.varint(field))
            } else {
                try reader.skip(field)
            }
        }
    }
}

/// A field's number and wire type.
struct ProtocolBufferField {
    var number: UInt64
    var wireType: UInt64
}

extension ByteReader {
    /// Reads all fields. `body` must read or skip each value.
    mutating func message(_ body: (inout ByteReader, ProtocolBufferField) throws -> Void) throws {
        while remaining > 0 {
            let tag = try varint()
            guard tag >> 3 > 0 else { throw malformed("0 is not a valid field number") }
            try body(&self, ProtocolBufferField(number: tag >> 3, wireType: tag & 7))
        }
    }

    fileprivate mutating func nested(
        _ field: ProtocolBufferField, _ body: (inout ByteReader, ProtocolBufferField) throws -> Void
    ) throws {
        try expect(2, field)
        let count = try length()
        let start = position
        var inner = ByteReader(Array(try take(count)), section: "tokenizer.model", base: start)
        try inner.message(body)
    }

    fileprivate mutating func text(_ field: ProtocolBufferField) throws -> String {
        try expect(2, field)
        return try string(try length(), allowingNUL: true)
    }

    fileprivate mutating func bytes(_ field: ProtocolBufferField) throws -> ArraySlice<UInt8> {
        try expect(2, field)
        return try take(try length())
    }

    fileprivate mutating func float(_ field: ProtocolBufferField) throws -> Float {
        try expect(5, field)
        return Float(bitPattern: try integer())
    }

    fileprivate mutating func varint(_ field: ProtocolBufferField) throws -> UInt64 {
        try expect(0, field)
        return try varint()
    }

    fileprivate mutating func skip(_ field: ProtocolBufferField) throws {
        switch field.wireType {
        case 0: _ = try varint()
        case 1: _ = try take(8)
        case 2: _ = try take(try length())
        case 5: _ = try take(4)
        default: throw malformed("unknown wire type \(field.wireType)")
        }
    }

    private mutating func expect(_ wireType: UInt64, _ field: ProtocolBufferField) throws {
        guard field.wireType == wireType else {
            throw malformed("field \(field.number) has wire type \(field.wireType), not \(wireType)")
        }
    }

    private mutating func length() throws -> Int {
        let value = try varint()
        guard let length = Int(exactly: value) else { throw malformed("the length \(value) is out of range") }
        return length
    }

    private mutating func varint() throws -> UInt64 {
        var value: UInt64 = 0
        for shift in stride(from: 0, to: 64, by: 7) {
            let byte: UInt8 = try integer()
            guard shift < 63 || byte <= 1 else { break }
            value |= UInt64(byte & 0x7F) << UInt64(shift)
            if byte & 0x80 == 0 { return value }
        }
        throw malformed("the number is longer than 64 bits")
    }
}
