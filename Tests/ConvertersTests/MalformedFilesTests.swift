import Architectures
import Converters
import QAMFormat
import Testing

/// The malformed and edge-case files of testdata.
@Suite struct MalformedFilesTests {
    private static let package = Path.folder(of: Path.folder(of: Path.folder(of: #filePath)))
    private static let folder = Path.join(package, "testdata/malformed")

    private struct Case {
        var file: String
        var expect: String
        var why: String
    }

    private static func cases() throws -> [Case] {
        guard case .array(let cases) = try JSONValue(parsing: contents(Path.join(folder, "cases.json")), section: "cases") else {
            throw QAMError(.malformed, "cases.json is not an array")
        }
        return try cases.map { entry in
            guard case .string(let file)? = entry["file"], case .string(let expect)? = entry["expect"], case .string(let why)? = entry["why"] else {
                throw QAMError(.malformed, "a case lacks a field: \(entry)")
            }
            return Case(file: file, expect: expect, why: why)
        }
    }

    /// The warnings for an accepted file.
    private static func warnings(_ path: String) async throws -> [String] {
        if path.hasSuffix(".gguf") {
            let model = try GGUFModel(path: path)
            return try await model.warnings + model.checkPayload(threads: 2).warnings
        }
        let source: any TensorSource = path.hasSuffix(".json") ? try HuggingFaceFolder(path: path, takingFiles: false) : try SafetensorsSource(path: path)
        return source.warnings
    }

    @Test func everyCaseHasItsVerdict() async throws {
        let cases = try Self.cases()
        #expect(!cases.isEmpty)
        for item in cases {
            let path = Path.join(Self.folder, item.file)
            let verdict: String
            do {
                verdict = try await Self.warnings(path).isEmpty ? "accept" : "accept-with-warning"
            } catch let error as QAMError {
                verdict = "reject"
                #expect(error.place.file != nil, "\(item.file)")
            }
            #expect(verdict == item.expect, "\(item.file): \(item.why)")
        }
    }

    @Test func foreignFilesAreNamed() throws {
        let folder = try ScratchFolder()
        let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:\(String(repeating: "0", count: 64))\nsize 123\n"
        for (text, name) in [(pointer, "a git-lfs pointer"), ("<!DOCTYPE html><html></html>", "a web page")] {
            guard case .foreign(name, _) = try FileKind.of(path: folder.write(text, "model.safetensors")) else {
                Issue.record("\(name) is not recognised")
                continue
            }
        }
    }
}
