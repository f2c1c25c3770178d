import Testing

/// Dependencies among the folders of a target, derived from the names that each file uses.
@Suite struct FolderTests {
    private static func folders(_ target: String) -> FolderUses {
        let foreign = SourceTree.sources.filter { $0.target != target }.flatMap(\.declarations).filter { !$0.isLocal }.map(\.name)
        return FolderUses(SourceTree.files(of: target), foreign: House.standardMembers.union(foreign))
    }

    private static let targets = House.targets.filter { ![.c, .system].contains($0.kind) }.map(\.name)

    @Test(arguments: targets) func foldersMakeNoCycle(target: String) {
        let folders = Self.folders(target)
        for level in folders.levels {
            let uses = folders.uses(at: level)
            var graph = UseGraph(uses)
            for known in House.knownCycles where known.target == target && known.folder == level { graph.remove(from: known.from, to: known.to) }
            for cycle in graph.cycles {
                let inside = uses.filter { cycle.contains($0.from) && cycle.contains($0.to) && graph.contains(from: $0.from, to: $0.to) }
                Issue.record("\(target)/\(level): \(cycle.sorted()) use each other:\n\(inside.map { "  \($0)\n" }.sorted().joined())")
            }
        }
    }

    /// The list of known cycles may only become shorter.
    @Test func knownCyclesAreThere() {
        for known in House.knownCycles {
            let folders = Self.folders(known.target)
            #expect(folders.levels.contains(known.folder), "\(known)")
            var graph = UseGraph(folders.uses(at: known.folder))
            #expect(graph.contains(from: known.from, to: known.to), "\(known) is used no more: strike it from the list")
            for other in House.knownCycles where other.target == known.target && other.folder == known.folder && other != known {
                graph.remove(from: other.from, to: other.to)
            }
            #expect(graph.reachable(from: known.to).contains(known.from), "\(known) closes no cycle any more: strike it from the list")
        }
    }

    @Test func foldersStayApart() {
        for rule in House.apart {
            let folders = Self.folders(rule.target)
            let nodes = folders.nodes(at: "")
            #expect(nodes.isSuperset(of: rule.never + [rule.folder]), "\(rule): one of them is gone")
            for use in folders.uses(at: "") where use.from == rule.folder && rule.never.contains(use.to) {
                Issue.record("\(rule.target): \(use)")
            }
        }
    }

    /// The reading of uses, which the other rules depend on.
    @Test func usesAreRead() {
        func file(_ path: String, _ text: String) -> SourceFile {
            let tokens = Tokenizer.tokens(text)
            return SourceFile(target: "T", path: path, text: text, tokens: tokens, declarations: Declaration.all(in: tokens))
        }
        func edges(_ files: SourceFile..., level: String = "") -> Set<String> {
            Set(FolderUses(files, foreign: ["shared"]).uses(at: level).map { "\($0.from)>\($0.to)" })
        }
        let lower = file(
            "A/a.swift",
            """
            public struct Base<T> { struct Inner {}; var depth: Int; private func hidden() {} }
            func helper(_ x: Int) {}
            protocol Able { func perform() }
            private enum Own {}
            """)
        for used in [
            "let x: [Base<Int>] = []", "func f() { helper(3) }", "struct S: Able { func perform() {} }", "let y = z.depth", "extension Base {}",
            "let s = \"\\(Base<Int>())\"", "let t = T.Base.self", "let u = Base<Int>.Inner()",
        ] {
            #expect(edges(lower, file("B/b.swift", used)) == ["B/>A/"], "\(used)")
        }
        for unused in [
            "// Base helper(1)", "/* Base /* Able */ Base */", "let s = \"Base helper(1)\"", "let r = #\"Base \"Able\" Base\"#",
            "let r = /Base(helper)/", "struct S { struct Base {}; let b: Base }", "struct S { func helper(_ x: Int) {}; func g() { helper(2) } }",
            "let y = z.shared", "let o: Own", "let y = z.hidden()", "func f(Base: Int) {}", "func f<Base: Equatable>(_ b: Base) {}",
            "let s = \"\"\"\n Base \" Able\n \"\"\"", "let inner: Inner",
        ] {
            #expect(edges(lower, file("B/b.swift", unused)).isEmpty, "\(unused)")
        }
        // A member added in an extension belongs to the file of the extension.
        let upper = file("C/c.swift", "extension Base { init(reading text: String) {}; func later() {}; static let first = 1 }")
        #expect(edges(lower, upper, file("A/d.swift", "let b = Base<Int>(reading: text)")) == ["C/>A/"])
        for used in ["let b = Base(reading: text)", "let b = base.later()", "let b = Base.first", "extension Base { func g() { later() } }"] {
            #expect(edges(lower, upper, file("A/d.swift", used)) == ["C/>A/", "A/>C/"], "\(used)")
        }
        // At the level of a folder its own folders and files are the nodes; single files may use each other.
        let inside = [file("A/X/x.swift", "struct X { var y: Y }"), file("A/Y/y.swift", "struct Y { var x: X? }"), file("A/z.swift", "struct Z { let x: X }")]
        #expect(FolderUses(inside, foreign: []).levels == ["", "A/"])
        let graph = UseGraph(FolderUses(inside, foreign: []).uses(at: "A/"))
        #expect(graph.cycles == [["X/", "Y/"]])
        let files = [file("p.swift", "struct P { var q: Q }"), file("q.swift", "struct Q { var p: P? }")]
        #expect(UseGraph(FolderUses(files, foreign: []).uses(at: "")).cycles.isEmpty)
    }
}
