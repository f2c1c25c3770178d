internal import QAMFormat

/// Collects tokens by id, and fits the vocabulary to the size of the embedding matrix.
struct VocabularyBuilder {
    private var tokens: [Tokenizer.Token?] = []
    private let file: TokenizerFiles.Name

    /// `file` is for error messages.
    init(_ file: TokenizerFiles.Name) { self.file = file }

    var ids: Range<Int> { tokens.indices }

    subscript(id: Int) -> Tokenizer.Token? { tokens.indices.contains(id) ? tokens[id] : nil }

    mutating func set(_ token: Tokenizer.Token, at id: Int) {
        if id >= tokens.count { tokens.append(contentsOf: repeatElement(nil, count: id + 1 - tokens.count)) }
        tokens[id] = token
    }

    /// Throws `malformed` if the id has another text.
    func check(_ text: String, at id: Int) throws {
        guard let other = self[id], ExactName(other.text) != ExactName(text) else { return }
        throw malformed("the tokens \"\(other.text)\" and \"\(text)\" have the same id, \(id)")
    }

    /// The vocabulary with gaps filled, cut or padded to `size`, and warnings about what was cut. Throws `malformed` if two tokens have the
    /// same text, which loaders reject.
    func build(size: Int?) throws -> (tokens: [Tokenizer.Token], index: PieceIndex, warnings: [String]) {
        let size = size ?? tokens.count
        var warnings: [String] = []
        if tokens.count > size {
            let names = tokens[size...].compactMap { $0.map { "\"\($0.text)\"" } }
            warnings.append(
                "\(names.count) tokens are left out, since the model has \(size) rows for them: "
                    + names.prefix(4).joined(separator: ", ") + (names.count > 4 ? ", ..." : ""))
        }
        let built = (0..<size).map { id in self[id] ?? Tokenizer.padding(at: id) }
        let index = PieceIndex(built.lazy.map(\.text))
        if let (first, second) = index.repeated {
            throw malformed("the tokens \(first) and \(second) are both \"\(built[first].text)\"")
        }
        return (built, index, warnings)
    }

    private func malformed(_ message: String) -> QAMError { QAMError(.malformed, message, at: .init(file: file.rawValue)) }
}
