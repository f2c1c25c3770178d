import Architectures
import Converters
import QAMFormat
import Testing

/// The malformed and edge-case files of testdata, and more of them beside the package where there are.
@Suite struct MalformedFilesTests {
    private static let package = Path.folder(of: Path.folder(of: Path.folder(of: #filePath)))
    private static let folder = Path.join(package, "testdata/malformed")
    private static let shared = Path.join(Path.folder(of: package), "shared/malformed")
    private static let sharedIsThere = (try? FileStatus(Path.join(shared, "cases.json"))) != nil

    private struct Case {
        var file: String
        var expect: String
        var why: String
    }

    private static func cases(_ folder: String) throws -> [Case] {
        guard case .array(let cases) = try JSONValue(parsing: contents(Path.join(folder, "cases.json")), section: "cases") else { return [] }
        return cases.compactMap { entry in
            guard case .string(let file)? = entry["file"], case .string(let expect)? = entry["expect"], case .string(let why)? = entry["why"] else {
                return nil
            }
            return Case(file: file, expect: expect, why: why)
        }
    }

    @Test func everyCaseHasItsVerdict() async throws { try await Self.checkVerdicts(Self.folder) }

    @Test(.enabled(if: sharedIsThere)) func everySharedCaseHasItsVerdict() async throws { try await Self.checkVerdicts(Self.shared) }

    /// The warnings of a file that is taken.
    private static func warnings(_ path: String) async throws -> [String] {
        if path.hasSuffix(".gguf") {
            let model = try GGUFModel(path: path)
            return try await model.warnings + model.checkPayload(threads: 2).warnings
        }
        let source: any TensorSource = path.hasSuffix(".json") ? try ShardedSafetensorsSource(indexPath: path) : try SafetensorsSource(path: path)
        return source.warnings
    }

    private static func checkVerdicts(_ folder: String) async throws {
        let cases = try cases(folder)
        #expect(!cases.isEmpty)
        for item in cases {
            let path = Path.join(folder, item.file)
            let verdict: String
            do {
                verdict = try await warnings(path).isEmpty ? "accept" : "accept-with-warning"
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
