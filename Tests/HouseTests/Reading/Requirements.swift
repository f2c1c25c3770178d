/// The requirements of protocols, and which types fulfil which.
struct Requirements {
    /// Of the protocols of the standard library and the packages that types here conform to.
    private static let standard: Set<String> = [
        "description", "debugDescription", "==", "<", "hash", "encode", "next", "makeIterator", "startIndex", "endIndex", "index", "subscript", "append",
        "dictionaryLiteral", "arrayLiteral", "stringLiteral", "integerLiteral", "booleanLiteral", "floatLiteral", "rawValue", "id", "+",
    ]
    /// The names of what a protocol requires.
    private var names: [String: Set<String>] = [:]
    /// What stands behind the colon of a type, a protocol or an extension.
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
        // What an extension of a protocol gives as the default.
        return names[holder]?.contains(declaration.name) == true && !declaration.isInProtocol
    }
}
