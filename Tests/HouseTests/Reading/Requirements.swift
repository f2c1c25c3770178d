/// The requirements of protocols, and the types that conform to them.
struct Requirements {
    /// Requirements of protocols of the standard library and of packages that types here conform to.
    private static let standard: Set<String> = [
        "description", "debugDescription", "==", "<", "hash", "encode", "next", "makeIterator", "startIndex", "endIndex", "index", "subscript", "append",
        "dictionaryLiteral", "arrayLiteral", "stringLiteral", "integerLiteral", "booleanLiteral", "floatLiteral", "rawValue", "id", "+",
    ]
    /// The names that a protocol requires.
    private var names: [String: Set<String>] = [:]
    /// What a type, a protocol or an extension inherits from or conforms to.
    private var parents: [String: Set<String>] = [:]

    init(_ files: [SourceFile]) {
        for file in files {
            for declaration in file.declarations where declaration.isInProtocol {
                names[declaration.holders.first ?? "", default: []].insert(declaration.name)
            }
            for (i, token) in file.tokens.enumerated() where ["struct", "class", "enum", "actor", "protocol", "extension"].contains(token.text) {
                guard i + 1 < file.tokens.count, file.tokens[i + 1].kind == .word else { continue }
                let header = file.tokens[(i + 2)...].prefix { $0.text != "{" }
                parents[file.tokens[i + 1].text, default: []].formUnion(header.filter { $0.kind == .word }.map(\.text))
            }
        }
    }

    /// Whether a declaration fulfils a requirement.
    func contain(_ declaration: Declaration) -> Bool {
        guard let holder = declaration.holders.last else { return false }
        if Self.standard.contains(declaration.name) { return true }
        var open = [holder], seen: Set<String> = []
        while let next = open.popLast() {
            guard seen.insert(next).inserted else { continue }
            if next != holder, names[next]?.contains(declaration.name) == true { return true }
            open += parents[next] ?? []
        }
        // A default implementation in an extension of a protocol.
        return names[holder]?.contains(declaration.name) == true && !declaration.isInProtocol
    }
}
