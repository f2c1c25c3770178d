/// A name that a file declares.
struct Declaration {
    enum Kind { case type, function, value, initializer, enumCase }

    var kind: Kind
    /// For an initializer its first label, `_` if it has none.
    var name: String
    /// The enclosing types, outermost first; empty at file level.
    var holders: [String]
    /// Whether it is a protocol requirement.
    var isInProtocol: Bool
    /// Whether it is inside a function body.
    var isLocal: Bool
    var modifiers: Set<String>
    /// The index of the name among the file's tokens.
    var token: Int
    /// The index of the first token, attributes and modifiers included.
    var first: Int

    var isPrivate: Bool { !modifiers.isDisjoint(with: ["private", "fileprivate"]) }
    /// Whether it is a static value.
    var isConstant: Bool { kind == .value && modifiers.contains("static") }
    var isPublic: Bool { !modifiers.isDisjoint(with: ["public", "open"]) }
}

extension Declaration {
    private static let typeWords: Set<String> = ["struct", "class", "enum", "actor", "protocol", "extension"]
    private static let modifierWords: Set<String> = [
        "public", "package", "internal", "private", "fileprivate", "open", "static", "final", "mutating", "nonmutating", "override", "convenience",
        "required", "lazy", "weak", "unowned", "indirect", "nonisolated", "borrowing", "consuming", "unsafe", "isolated", "prefix", "postfix", "infix",
    ]

    private struct Scope {
        enum Kind { case type, protocolType, body }
        var kind: Kind
        var names: [String]
        var isPrivate: Bool
        var isEnum: Bool
    }

    static func all(in tokens: [Token]) -> [Declaration] {
        var found: [Declaration] = []
        var scopes: [Scope] = []
        var pending: Scope?
        var modifiers: Set<String> = [], first: Int?
        var i = 0

        func text(_ index: Int) -> String { index >= 0 && index < tokens.count ? tokens[index].text : "" }
        func isWord(_ index: Int) -> Bool { index < tokens.count && tokens[index].kind == .word }
        /// The index after the parenthesis that closes the one at `index`.
        func behindParentheses(_ index: Int) -> Int {
            var depth = 0, at = index
            repeat {
                if "([".contains(text(at)) && !text(at).isEmpty { depth += 1 } else if ")]".contains(text(at)) && !text(at).isEmpty { depth -= 1 }
                at += 1
            } while depth > 0 && at < tokens.count
            return at
        }
        func declare(_ kind: Kind, _ name: String, at token: Int) {
            var modifiers = modifiers
            if scopes.last?.isPrivate == true { modifiers.insert("private") }
            found.append(
                Declaration(
                    kind: kind, name: name, holders: scopes.last?.names ?? [], isInProtocol: scopes.last?.kind == .protocolType,
                    isLocal: scopes.contains { $0.kind == .body }, modifiers: modifiers, token: token, first: first ?? token - 1))
        }
        while i < tokens.count {
            let token = tokens[i]
            if token.kind == .sign {
                switch token.text {
                case "{":
                    scopes.append(pending ?? Scope(kind: .body, names: scopes.last?.names ?? [], isPrivate: false, isEnum: false))
                    pending = nil
                case "}": _ = scopes.popLast()
                case "@" where isWord(i + 1):
                    if first == nil { first = i }
                    i += 2
                    if i < tokens.count, text(i) == "(", tokens[i].start == tokens[i - 1].end { i = behindParentheses(i) }
                    continue
                default: break
                }
                modifiers = []
                first = nil
                i += 1
                continue
            }
            guard token.kind == .word, text(i - 1) != "." else {
                i += 1
                continue
            }
            if modifierWords.contains(token.text), isWord(i + 1) || text(i + 1) == "(" || text(i + 1) == "@" {
                if first == nil { first = i }
                if text(i + 1) == "(" { i = behindParentheses(i + 1) } else { modifiers.insert(token.text); i += 1 }
                continue
            }
            let isTypeLevel = scopes.last.map { $0.kind != .body } ?? true
            if typeWords.contains(token.text), isWord(i + 1), !(token.text == "class" && ["func", "var", "let", "subscript"].contains(text(i + 1))) {
                var names = [text(i + 1)], end = i + 2
                while text(end) == ".", isWord(end + 1) {
                    names.append(text(end + 1))
                    end += 2
                }
                if token.text != "extension" {
                    declare(.type, names[0], at: i + 1)
                    names = (scopes.last?.names ?? []) + names
                }
                pending = Scope(
                    kind: token.text == "protocol" ? .protocolType : .type, names: names,
                    isPrivate: scopes.last?.isPrivate == true || !modifiers.isDisjoint(with: ["private", "fileprivate"]), isEnum: token.text == "enum")
                i += 1
            } else {
                switch token.text {
                case "typealias", "associatedtype": declare(.type, text(i + 1), at: i + 1)
                case "func": declare(.function, text(i + 1), at: i + 1)
                case "subscript" where isTypeLevel: declare(.function, "subscript", at: i)
                case "init" where isTypeLevel:
                    let open = (i..<min(i + 12, tokens.count)).first { text($0) == "(" } ?? i
                    declare(.initializer, text(open + 1) == ")" ? "" : text(open + 1), at: i)
                case "let", "var":
                    if isWord(i + 1) { declare(.value, text(i + 1), at: i + 1) }
                case "case" where scopes.last?.isEnum == true:
                    var at = i + 1
                    while isWord(at) {
                        declare(.enumCase, text(at), at: at)
                        at += 1
                        if text(at) == "(" { at = behindParentheses(at) }
                        if text(at) == "=" { at += 2 }
                        if text(at) != "," { break }
                        at += 1
                    }
                default: break
                }
            }
            modifiers = []
            first = nil
            i += 1
        }
        return found
    }
}
