import Foundation
import Testing

/// What the sources must not contain, and what they must.
@Suite struct SourceRuleTests {
    private static let swiftTargets = House.targets.filter { ![.c, .system].contains($0.kind) }

    /// The C interface exposes pointers, and only the functions of its header.
    @Test func theCInterfaceShowsNothingElse() throws {
        let header = try SourceTree.text("Sources/CQAMW/include/qamw.h")
        let declared = header.matches(of: /(?m)^\w[\w ]*\*?(qamw_\w+)\(/).map { String($0.output.1) }
        let sources = SourceTree.files(of: "QAMCABI").map(\.text)
        let implemented = sources.flatMap { $0.matches(of: /(?m)^@c\((\w+)\) @implementation\npublic func (\w+)\(/) }
        #expect(declared.count > 20)
        #expect(implemented.allSatisfy { $0.output.1 == $0.output.2 })
        #expect(implemented.map { String($0.output.1) }.sorted() == declared.sorted())
        #expect(sources.reduce(0) { $0 + $1.matches(of: /(?m)^\s*(?:public|open) (?!import)/).count } == declared.count)
    }

    @Test func librariesNeitherPrintNorExit() {
        let words: Set<String> = ["print", "exit", "abort", "fatalError", "preconditionFailure"]
        let libraries = Self.swiftTargets.filter { $0.kind != .program }
        #expect(libraries.count > 2)
        for file in libraries.flatMap({ SourceTree.files(of: $0.name) }) {
            for (i, token) in file.tokens.enumerated() where token.kind == .word {
                let next = i + 1 < file.tokens.count ? file.tokens[i + 1].text : "", previous = i > 0 ? file.tokens[i - 1].text : ""
                let calls = words.contains(token.text) && next == "(" && previous != "." && previous != "func"
                #expect(!calls && !(token.text == "CommandLine" && next == "."), "\(file.place(token)): \(token.text)")
            }
        }
    }

    /// No `try!`, no `as!`, no force unwrap: an exclamation mark directly after a value, not followed by an equals sign.
    @Test func nothingIsForced() {
        for file in Self.swiftTargets.flatMap({ SourceTree.files(of: $0.name) }) {
            let tokens = file.tokens
            for i in tokens.indices.dropFirst() where tokens[i].text == "!" && tokens[i].kind == .sign && tokens[i - 1].end == tokens[i].start {
                let value = tokens[i - 1].kind != .sign || [")", "]", "}", "?", ">"].contains(tokens[i - 1].text)
                let isUnequal = i + 1 < tokens.count && tokens[i + 1].text == "=" && tokens[i + 1].start == tokens[i].end
                #expect(!value || isUnequal, "\(file.place(tokens[i])): \(tokens[i - 1].text)!")
            }
        }
        #expect(!SourceTree.sources.isEmpty)
    }

    @Test func noUnsafePointerIsPublic() {
        for target in House.targets where target.kind == .library {
            for file in SourceTree.files(of: target.name) {
                let match = file.text.firstMatch(of: /(?m)^\s*public\s[^{\n]*(?:Unsafe\w*Pointer|OpaquePointer)/)
                #expect(match == nil, "\(target.name)/\(file.path): \(match.map { String($0.output) } ?? "")")
            }
        }
    }

    /// Documentation is not required for a witness of a protocol requirement, which is documented in the protocol, or for a memberwise
    /// initializer, which is documented by its members. Consecutive constants without a blank line share the comment of the first.
    @Test func publicDeclarationsAreExplained() {
        let requirements = Requirements(SourceTree.sources)
        var found: [String] = []
        for file in House.targets.filter({ $0.kind == .library }).flatMap({ SourceTree.files(of: $0.name) }) {
            let lines = file.text.split(separator: "\n", omittingEmptySubsequences: false).map { $0.drop { $0 == " " } }
            let members = Set(file.declarations.filter { $0.kind == .value && !$0.isLocal }.map(\.name))
            for declaration in file.declarations where declaration.isPublic && !declaration.isLocal && !requirements.contain(declaration) {
                if declaration.kind == .initializer, members.contains(declaration.name) { continue }
                var above = file.tokens[declaration.first].line - 2
                while above >= 0, declaration.isConstant, lines[above].hasPrefix("public static let ") { above -= 1 }
                if above < 0 || !lines[above].hasPrefix("///") { found.append("\(file.place(file.tokens[declaration.token])) \(declaration.name)") }
            }
        }
        #expect(found.isEmpty, "without a comment:\n\(found.joined(separator: "\n"))")
    }
}
