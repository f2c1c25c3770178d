import Foundation
import Testing

/// Which target may import which module.
@Suite struct ImportTests {
    @Test func everyTargetHasItsRules() throws {
        let names = House.targets.map(\.name)
        #expect(Set(names).count == names.count)
        #expect(try SourceTree.targets() == Set(names))
        for target in House.targets {
            let hasSwift = !SourceTree.files(of: target.name).isEmpty
            #expect(hasSwift == ![.c, .system].contains(target.kind), "\(target.name)")
        }
    }

    @Test func targetsImportWhatTheyMay() {
        for target in House.targets {
            let files = SourceTree.files(of: target.name)
            for file in files {
                let foreign = file.imports.subtracting(House.system).subtracting(target.imports)
                #expect(foreign.isEmpty, "\(target.name)/\(file.path) imports \(foreign)")
            }
            let unused = target.imports.subtracting(files.flatMap(\.imports))
            #expect(unused.isEmpty, "\(target.name) may import \(unused), and does not")
        }
    }

    /// Package.swift declares exactly the dependencies that are imported.
    @Test func theManifestSaysTheSame() throws {
        let manifest = try SourceTree.text("Package.swift")
        let pattern = /(?s)\.(?:target|executableTarget)\(\s*name: "(\w+)"(?:,\s*dependencies: \[(.*?)\])?/
        var found: [String: Set<String>] = [:]
        for match in manifest.matches(of: pattern) {
            let names = match.output.2?.replacing(/, package: "[^"]*"/, with: "").matches(of: /"([\w-]+)"/).map { String($0.output.1) }
            found[String(match.output.1)] = Set(names ?? [])
        }
        for target in House.targets where target.kind != .system {
            let stated = try #require(found[target.name], "\(target.name)")
            let modules = target.imports.subtracting(House.systemModules).map { String($0.prefix { $0 != "." }) }
            #expect(stated == Set(modules), "\(target.name)")
        }
        for target in House.targets where target.kind == .system { #expect(manifest.contains(".systemLibrary(name: \"\(target.name)\"")) }
    }

    @Test func oneFileOfATargetHoldsEachModuleOfC() {
        for (module, holders) in House.holders {
            let users = SourceTree.sources.filter { $0.imports.contains(module) }.map { "\($0.target)/\($0.path)" }
            #expect(Set(users) == Set(holders) && users.count == holders.count, "\(module): \(users)")
        }
        let c = House.targets.flatMap(\.imports).filter { $0.hasPrefix("C") && $0 != "CQAMW" && !["Converters", "Crypto"].contains($0) }
        #expect(Set(c) == Set(House.holders.keys))
    }

    @Test func cIncludesWhatItMay() throws {
        var included: Set<String> = [], own: Set<String> = []
        for target in House.targets where target.kind == .c {
            let files = try SourceTree.cFiles(of: target.name)
            #expect(!files.isEmpty, "\(target.name)")
            for (path, text) in files {
                own.insert(String(path.split(separator: "/").last ?? ""))
                for match in text.matches(of: /(?m)^\s*#\s*include\s*<([^>]+)>/) { included.insert(String(match.output.1)) }
            }
        }
        let foreign = included.subtracting(own)
        #expect(foreign == House.headers, "\(foreign.symmetricDifference(House.headers))")
    }
}
