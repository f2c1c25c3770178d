/// A use of one node of a folder by another: which name, where.
struct Use: CustomStringConvertible {
    var from: String
    var to: String
    var name: String
    var place: String

    var description: String { "\(from) uses \(to): \(name) in \(place)" }
}

/// The uses among the folders of a target: types, functions and values of one file that another names, and members if the
/// name identifies the owner.
struct FolderUses {
    private let files: [SourceFile]
    private let foreign: Set<String>
    /// The files that declare each file-level name.
    private var owners: [String: Set<Int>] = [:]
    /// The same for the members of each type, by "Type.name".
    private var memberOwners: [String: Set<Int>] = [:]
    /// The same by the member's name alone, for any type.
    private var anyMemberOwners: [String: Set<Int>] = [:]
    /// The names of the types nested in a type.
    private var nested: [String: Set<String>] = [:]

    /// - Parameter foreign: the names of members of other targets; they identify nothing here.
    init(_ files: [SourceFile], foreign: Set<String>) {
        self.files = files
        self.foreign = foreign
        for (index, file) in files.enumerated() {
            for declaration in file.declarations where !declaration.isLocal {
                let name = declaration.name
                guard let holder = declaration.holders.first else {
                    if !declaration.isPrivate { owners[name, default: []].insert(index) }
                    continue
                }
                if declaration.kind == .type { nested[holder, default: []].insert(name) }
                if declaration.isPrivate { continue }
                let key = declaration.kind == .initializer ? "init(\(name)" : name
                memberOwners["\(holder).\(key)", default: []].insert(index)
                if declaration.kind == .function || declaration.kind == .value {
                    anyMemberOwners[name, default: []].insert(index)
                }
            }
        }
    }

    /// The folders that contain other folders, the root (empty path) first. Each is a level whose nodes must not form a cycle.
    var levels: [String] {
        var found: Set<String> = [""]
        for file in files {
            let parts = file.path.split(separator: "/").dropLast()
            for count in 1..<max(1, parts.count) { found.insert(parts.prefix(count).joined(separator: "/") + "/") }
        }
        return found.sorted()
    }

    /// The node of a file at a level: the folder that contains it, with a trailing slash, or the file itself; nil if it is elsewhere.
    private static func node(_ path: String, at level: String) -> String? {
        guard path.hasPrefix(level) else { return nil }
        let rest = path.dropFirst(level.count)
        return rest.firstIndex(of: "/").map { String(rest[...$0]) } ?? String(rest)
    }

    /// The nodes of a level.
    func nodes(at level: String) -> Set<String> { Set(files.compactMap { Self.node($0.path, at: level) }) }

    /// The uses among the nodes of a level.
    func uses(at level: String) -> [Use] {
        let nodes = files.map { Self.node($0.path, at: level) }
        /// The node that declares a name, if there is exactly one.
        func owner(_ owners: Set<Int>?) -> String? {
            guard let owners, let first = owners.first, owners.allSatisfy({ nodes[$0] == nodes[first] }) else { return nil }
            return nodes[first]
        }
        var found: [Use] = []
        for (index, file) in files.enumerated() {
            guard let from = nodes[index] else { continue }
            let holders = Set(file.declarations.compactMap(\.holders.first))
                .union(file.declarations.filter { $0.kind == .type && $0.holders.isEmpty }.map(\.name))
                .union(Self.extended(file))
            // Names that shadow file-level names.
            var hidden = holders.reduce(into: Set<String>()) { $0.formUnion(nested[$1] ?? []) }
            hidden.formUnion(file.declarations.filter { $0.isLocal || $0.isPrivate && $0.holders.isEmpty }.map(\.name))
            hidden.formUnion(Self.genericParameters(file))
            let own = Set(file.declarations.map(\.name))
            func add(_ to: String?, _ token: Token, _ name: String) {
                if let to, to != from { found.append(Use(from: from, to: to, name: name, place: file.place(token))) }
            }
            for (i, token) in file.tokens.enumerated() where token.kind == .word {
                let previous = i > 0 ? file.tokens[i - 1].text : "", next = i + 1 < file.tokens.count ? file.tokens[i + 1].text : ""
                let name = token.text
                if previous == "." {
                    let before = i > 1 ? file.tokens[i - 2] : token
                    if before.kind == .word, memberOwners["\(before.text).\(name)"] != nil, owners[before.text] != nil {
                        add(owner(memberOwners["\(before.text).\(name)"]), token, "\(before.text).\(name)")
                    } else if before.kind == .word, before.text == file.target {
                        add(owner(owners[name]), token, name)
                    } else if before.kind == .word || ")]?".contains(before.text), !foreign.contains(name), !own.contains(name) {
                        add(owner(anyMemberOwners[name]), token, ".\(name)")
                    }
                    continue
                }
                if let declared = owners[name], !hidden.contains(name), next != ":" {
                    // A function may be a method of the file's own type.
                    let isType = name.first?.isUppercase == true
                    if isType || next == "(" && !own.contains(name) && !holders.contains(where: { memberOwners["\($0).\(name)"] != nil }) {
                        add(owner(declared), token, name)
                    }
                }
                // An initializer declared in an extension in another file.
                if next == "(", i + 3 < file.tokens.count, file.tokens[i + 3].text == ":", !hidden.contains(name) {
                    let key = "\(name).init(\(file.tokens[i + 2].text)"
                    if memberOwners[key] != nil { add(owner(memberOwners[key]), token, key) }
                }
                // A member of the file's own type, declared in another file.
                if next != ":", !own.contains(name), !hidden.contains(name) {
                    let places = holders.compactMap { memberOwners["\($0).\(name)"] }
                    if places.count == 1, next == "(" || name.first?.isUppercase == true { add(owner(places[0]), token, name) }
                }
            }
        }
        return found
    }

    /// The names of the generic parameters that the file declares.
    private static func genericParameters(_ file: SourceFile) -> Set<String> {
        var found: Set<String> = []
        for declaration in file.declarations {
            var at = declaration.token + 1, depth = 0
            guard at < file.tokens.count, file.tokens[at].text == "<" else { continue }
            repeat {
                if file.tokens[at].text == "<" { depth += 1 } else if file.tokens[at].text == ">" { depth -= 1 }
                if depth == 1, ["<", ","].contains(file.tokens[at].text), at + 1 < file.tokens.count { found.insert(file.tokens[at + 1].text) }
                at += 1
            } while depth > 0 && at < file.tokens.count
        }
        return found
    }

    /// The types that a file extends.
    private static func extended(_ file: SourceFile) -> Set<String> {
        Set(
            file.tokens.indices.dropLast().filter { file.tokens[$0].text == "extension" && file.tokens[$0].kind == .word }.map {
                file.tokens[$0 + 1].text
            })
    }
}

/// The graph of uses.
struct UseGraph {
    private(set) var edges: [String: Set<String>] = [:]

    init(_ uses: [Use]) {
        for use in uses { edges[use.from, default: []].insert(use.to) }
    }

    mutating func remove(from: String, to: String) { edges[from]?.remove(to) }

    func contains(from: String, to: String) -> Bool { edges[from]?.contains(to) == true }

    /// The nodes reachable from a node.
    func reachable(from node: String) -> Set<String> {
        var found: Set<String> = [], open = Array(edges[node] ?? [])
        while let next = open.popLast() {
            if found.insert(next).inserted { open += edges[next] ?? [] }
        }
        return found
    }

    /// The sets of nodes that reach each other. Cycles of files only are allowed: they are aspects of one folder.
    var cycles: [Set<String>] {
        var found: [Set<String>] = []
        for node in edges.keys.sorted() where !found.contains(where: { $0.contains(node) }) {
            let reached = reachable(from: node)
            guard reached.contains(node) else { continue }
            let cycle = reached.filter { reachable(from: $0).contains(node) }
            if cycle.contains(where: { $0.hasSuffix("/") }) { found.append(cycle) }
        }
        return found
    }
}
