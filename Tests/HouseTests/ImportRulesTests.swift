import Foundation
import Testing

/// The rules of the house, held against the sources: who may import whom, and who may print.
@Suite struct ImportRulesTests {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// All source files below a folder of Sources, as path below it and text.
    private static func sources(_ folder: String, extensions: Set<String> = ["swift"]) throws -> [(path: String, text: String)] {
        let base = root.appending(path: "Sources/\(folder)")
        let files = try #require(FileManager.default.enumerator(at: base, includingPropertiesForKeys: nil))
        return try files.compactMap { $0 as? URL }.filter { extensions.contains($0.pathExtension) }.map { url in
            (String(url.path.dropFirst(base.path.count + 1)), try String(contentsOf: url, encoding: .utf8))
        }
    }

    /// The modules that a file imports.
    private static func imports(_ text: String) -> Set<String> {
        Set(
            text.split(separator: "\n").compactMap { line in
                let words = line.split(separator: " ")
                guard let keyword = words.firstIndex(of: "import"), keyword + 1 < words.count,
                    words[..<keyword].allSatisfy({ ["public", "package", "internal", "private", "fileprivate"].contains($0) || $0.hasPrefix("@") })
                else { return nil }
                return String(words[keyword + 1])
            })
    }

    private static let system: Set<String> = ["Glibc", "Musl", "Darwin", "Synchronization"]

    @Test(arguments: [
        ("QAMFormat", ["CQAMKernels.Pairs", "CQAMKernels.Blocks", "CQAMCodebooks", "CZstd", "CXXHash"]),
        ("Architectures", ["QAMFormat"]),
        ("Converters", ["QAMFormat", "Architectures"]),
        ("Quantization", ["QAMFormat", "Architectures", "CQAMKernels.Pairs", "CQAMKernels.Feedback"]),
        ("Inference", ["QAMFormat", "Architectures", "CQAMKernels.Floats"]),
        ("QAMCABI", ["QAMFormat", "CQAMW", "Dispatch"]),
        ("CodebookSolver", []),
        ("KernelBenchmark", ["QAMFormat", "Quantization"]),
        ("Tools", ["QAMFormat", "Architectures", "Converters", "Quantization", "Inference", "KernelBenchmark", "ArgumentParser", "Crypto", "Dispatch"]),
    ])
    func targetsImportOnlyWhatLiesBelow(target: String, allowed: [String]) throws {
        for (path, text) in try Self.sources(target) {
            let foreign = Self.imports(text).subtracting(Self.system).subtracting(allowed)
            #expect(foreign.isEmpty, "\(target)/\(path) imports \(foreign)")
        }
    }

    @Test(arguments: ["CQAMCodebooks", "CZstd", "CXXHash"])
    func oneFileHoldsEachCModule(module: String) throws {
        let users = try Self.sources("QAMFormat").filter { Self.imports($0.text).contains(module) }.map(\.path)
        #expect(users.count == 1, "\(module) is imported by \(users)")
    }

    /// Each family of kernels is a submodule, which one file of each target that needs it imports.
    @Test(arguments: [
        ("Pairs", ["QAMFormat/Codec/Kernels.swift", "Quantization/Encoding/Kernels+Encoding.swift"]),
        ("Feedback", ["Quantization/Feedback/FeedbackKernels.swift"]),
        ("Blocks", ["QAMFormat/Tensors/GGMLBlocks.swift"]),
        ("Floats", ["Inference/Kernels/FloatKernels.swift"]),
    ])
    func oneFileHoldsEachFamilyOfKernels(family: String, files: [String]) throws {
        let users = try Self.sources("").filter { Self.imports($0.text).contains("CQAMKernels.\(family)") }.map(\.path)
        #expect(users.sorted() == files)
    }

    /// The C interface shows pointers, and nothing but the functions of its header.
    @Test func theCInterfaceShowsNothingElse() throws {
        let header = try String(contentsOf: Self.root.appending(path: "Sources/CQAMW/include/qamw.h"), encoding: .utf8)
        let declared = header.matches(of: /(?m)^\w[\w ]*\*?(qamw_\w+)\(/).map { String($0.output.1) }
        let sources = try Self.sources("QAMCABI").map(\.text)
        let implemented = sources.flatMap { $0.matches(of: /(?m)^@c\((\w+)\) @implementation\npublic func (\w+)\(/) }
        #expect(declared.count > 20)
        #expect(implemented.allSatisfy { $0.output.1 == $0.output.2 })
        #expect(implemented.map { String($0.output.1) }.sorted() == declared.sorted())
        #expect(sources.reduce(0) { $0 + $1.matches(of: /(?m)^\s*(?:public|open) (?!import)/).count } == declared.count)
    }

    /// Types that one folder declares and another must not name.
    private static func declaredTypes(_ files: [(path: String, text: String)], in folder: String) -> Set<String> {
        let pattern = /(?m)^(?:@\w+\s+)*(?:(?:public|package|internal|final)\s+)*(?:struct|class|enum|protocol|actor)\s+(\w+)/
        return Set(files.filter { $0.path.hasPrefix(folder) }.flatMap { $0.text.matches(of: pattern).map { String($0.output.1) } })
    }

    private static func names(_ text: String) -> Set<String> {
        let code = text.split(separator: "\n").filter { !$0.drop(while: { $0 == " " }).hasPrefix("//") }.joined(separator: "\n")
        return Set(code.matches(of: /\b[A-Z]\w+/).map { String($0.output) })
    }

    @Test(arguments: [
        ("QAMFormat", "Bytes/", ["Tensors/", "Container/", "Codec/"]),
        ("QAMFormat", "Tensors/", ["Container/", "Codec/"]),
        ("QAMFormat", "Container/", ["Codec/"]),
        ("QAMFormat", "Codec/", ["Container/"]),
        ("Architectures", "JSON/", ["Tables/"]),
        ("Converters", "Transforms/", ["Safetensors/", "GGUF/", "Names/", "Tokenizers/", "Checkpoints/"]),
        ("Converters", "Names/", ["Safetensors/", "GGUF/", "Checkpoints/"]),
        ("Converters", "Tokenizers/", ["Safetensors/", "GGUF/", "Transforms/", "Names/"]),
        ("Converters", "Checkpoints/", ["Safetensors/", "GGUF/"]),
        ("Converters", "Safetensors/", ["GGUF/"]),
        ("Converters", "GGUF/", ["Safetensors/"]),
        ("Quantization", "Encoding/", ["Feedback/", "Plan/", "Statistics/", "Rates/", "Recipes/"]),
        ("Quantization", "Statistics/", ["Feedback/", "Plan/", "Rates/", "Recipes/", "Encoding/"]),
    ])
    func foldersNameOnlyWhatLiesBelow(target: String, folder: String, above: [String]) throws {
        let files = try Self.sources(target)
        for other in above {
            let forbidden = Self.declaredTypes(files, in: other)
            for (path, text) in files where path.hasPrefix(folder) {
                let named = Self.names(text).intersection(forbidden)
                #expect(named.isEmpty, "\(target)/\(path) names \(named) of \(other)")
            }
        }
    }

    @Test(arguments: ["QAMFormat", "Architectures", "Converters", "Quantization", "Inference", "QAMCABI"])
    func librariesNeitherPrintNorExit(target: String) throws {
        for (path, text) in try Self.sources(target) {
            #expect(text.firstMatch(of: /(?m)^[^\/]*\b(print|exit|abort|fatalError|preconditionFailure)\(/) == nil, "\(target)/\(path)")
            #expect(!text.contains("CommandLine."), "\(target)/\(path)")
        }
    }

    @Test(arguments: ["QAMFormat", "Architectures", "Converters", "Quantization", "Inference", "QAMCABI", "Tools", "CodebookSolver"])
    func nothingIsForced(target: String) throws {
        for (path, text) in try Self.sources(target) {
            #expect(text.firstMatch(of: #/\btry!|\bas!\s/#) == nil, "\(target)/\(path)")
        }
    }

    @Test func noUnsafePointerIsPublic() throws {
        for target in ["QAMFormat", "Architectures", "Converters", "Quantization", "Inference"] {
            for (path, text) in try Self.sources(target) {
                let match = text.firstMatch(of: /(?m)^\s*public\s[^{\n]*(?:Unsafe\w*Pointer|OpaquePointer)/)
                #expect(match == nil, "\(target)/\(path): \(match.map { String($0.output) } ?? "")")
            }
        }
    }
}
