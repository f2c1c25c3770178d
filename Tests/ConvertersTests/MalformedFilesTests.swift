import Converters
import QAMFormat
import Testing

/// The collection of malformed files that lies beside the package, where there is one.
@Suite struct MalformedFilesTests {
    private static let folder: String = {
        let package = Path.folder(of: Path.folder(of: Path.folder(of: #filePath)))
        return Path.join(Path.folder(of: package), "shared/malformed")
    }()

    private static var isThere: Bool { FileStatus(Path.join(folder, "cases.json")) != nil }

    private struct Case {
        var file: String
        var expect: String
        var why: String
    }

    private static func cases() throws -> [Case] {
        guard case .array(let cases) = try JSONValue(parsing: contents(Path.join(folder, "cases.json")), section: "cases") else { return [] }
        return cases.compactMap { entry in
            guard case .string(let file)? = entry["file"], case .string(let expect)? = entry["expect"], case .string(let why)? = entry["why"] else { return nil }
            return file.hasPrefix("st_") || file.hasPrefix("idx_") ? Case(file: file, expect: expect, why: why) : nil
        }
    }

    @Test(.enabled(if: isThere)) func everyCaseHasItsVerdict() throws {
        let cases = try Self.cases()
        #expect(!cases.isEmpty)
        for item in cases {
            let path = Path.join(Self.folder, item.file)
            let verdict: String
            do {
                let isIndex = item.file.hasPrefix("idx_")
                let source: any TensorSource = isIndex ? try ShardedSafetensorsSource(indexPath: path) : try SafetensorsSource(path: path)
                verdict = source.warnings.isEmpty ? "accept" : "accept-with-warning"
            } catch let error as QAMError {
                verdict = "reject"
                #expect(error.place.file != nil, "\(item.file)")
            }
            #expect(verdict == item.expect, "\(item.file): \(item.why)")
        }
    }

    @Test(.enabled(if: isThere)) func foreignFilesAreNamed() throws {
        for (file, name) in [("x_lfs_pointer.gguf", "a git-lfs pointer"), ("x_html.gguf", "a web page")] {
            guard case .foreign(name, _) = try FileKind.of(path: Path.join(Self.folder, file)) else {
                Issue.record("\(file) is not recognised")
                continue
            }
        }
    }
}
