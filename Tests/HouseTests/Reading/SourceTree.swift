import Foundation

/// A source file: its text and tokens.
struct SourceFile {
    /// Its first folder below Sources or Tests.
    var target: String
    /// The path below the target's folder.
    var path: String
    var text: String
    var tokens: [Token]
    var declarations: [Declaration]

    /// The place of a token, for messages.
    func place(_ token: Token) -> String { "\(target)/\(path):\(token.line)" }

    /// The modules that it imports.
    var imports: Set<String> {
        var found: Set<String> = []
        for (i, token) in tokens.enumerated() where token.text == "import" && token.kind == .word && i + 1 < tokens.count {
            var name = tokens[i + 1].text, next = i + 2
            while next + 1 < tokens.count, tokens[next].text == ".", tokens[next].line == token.line {
                name += "." + tokens[next + 1].text
                next += 2
            }
            found.insert(name)
        }
        return found
    }
}

/// The files of the package.
enum SourceTree {
    static let root = URL(filePath: #filePath).resolvingSymlinksInPath().deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    static let sources = read("Sources")
    static let tests = read("Tests")

    static func text(_ path: String) throws -> String { try String(contentsOf: root.appending(path: path), encoding: .utf8) }

    /// The folders of Sources: the targets.
    static func targets() throws -> Set<String> {
        let entries = try FileManager.default.contentsOfDirectory(at: root.appending(path: "Sources"), includingPropertiesForKeys: [.isDirectoryKey])
        return Set(try entries.filter { try $0.resourceValues(forKeys: [.isDirectoryKey]).isDirectory == true }.map(\.lastPathComponent))
    }

    static func files(of target: String) -> [SourceFile] { sources.filter { $0.target == target } }

    /// The files of a C target: path below it, and text.
    static func cFiles(of target: String) throws -> [(path: String, text: String)] {
        let base = root.appending(path: "Sources/\(target)")
        guard let files = FileManager.default.enumerator(at: base, includingPropertiesForKeys: nil) else { return [] }
        return try files.compactMap { $0 as? URL }.filter { ["c", "h"].contains($0.pathExtension) }.map { url in
            (String(url.path.dropFirst(base.path.count + 1)), try String(contentsOf: url, encoding: .utf8))
        }
    }

    /// An unreadable tree is empty, which every rule refuses.
    private static func read(_ folder: String) -> [SourceFile] {
        let base = root.appending(path: folder)
        guard let files = FileManager.default.enumerator(at: base, includingPropertiesForKeys: nil) else { return [] }
        return files.compactMap { $0 as? URL }.filter { $0.pathExtension == "swift" }.sorted { $0.path < $1.path }.compactMap { url in
            let parts = url.path.dropFirst(base.path.count + 1).split(separator: "/", maxSplits: 1).map(String.init)
            guard parts.count == 2, let text = try? String(contentsOf: url, encoding: .utf8) else { return nil }
            let tokens = Tokenizer.tokens(text)
            return SourceFile(target: parts[0], path: parts[1], text: text, tokens: tokens, declarations: Declaration.all(in: tokens))
        }
    }
}
