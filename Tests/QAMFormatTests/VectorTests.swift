import Foundation
import QAMFormat
import Testing

/// The files of testdata/vectors, each with its verdict and the hashes of its tensors as the reference decoder gives them.
@Suite struct VectorTests {
    private static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "testdata/vectors").path

    struct Vector: Decodable, Sendable, CustomTestStringConvertible {
        var file: String
        var expect: String
        var code: String?
        var section: String?
        var why: String
        var tensors: [String: String]?

        var testDescription: String { file }
    }

    private static func manifest() throws -> [Vector] {
        try JSONDecoder().decode([Vector].self, from: Data(contentsOf: URL(filePath: folder + "/manifest.json")))
    }

    /// An unreadable manifest must fail a test, not leave one without arguments.
    private static let vectors = (try? manifest()) ?? []

    @Test func theManifestNamesEveryFile() throws {
        let vectors = try Self.manifest()
        let files = try ["valid", "invalid"].flatMap { part in
            try Folder.names(in: Path.join(Self.folder, part)).map { part + "/" + $0 }
        }
        #expect(vectors.map(\.file).sorted() == files.sorted())
        #expect(!files.isEmpty)
        #expect(Set(vectors.map(\.expect)) == ["accept", "accept-with-warning", "reject"])
    }

    /// Every rate, block size, gain type with and without channel scales, and dtype occurs in an accepted file.
    @Test func theVectorsCoverTheFormat() throws {
        var codes = Set<String>()
        var dtypes = Set<UInt8>()
        for vector in Self.vectors where vector.expect == "accept" {
            let reader = try QAMReader(path: Path.join(Self.folder, vector.file))
            for tensor in reader.tensors {
                switch tensor.storage {
                case .raw(let dtype): dtypes.insert(dtype.id)
                case .coded(let coding):
                    let description = try CodecRegistry.describe(tensor, shared: reader.shared), code = description.code
                    codes.insert("\(code.family.name)-\(code.rate)")
                    if let block = description.blockSize, code.family.codec == .qamPairs { codes.insert("\(code.family.name)-block-\(block)") }
                    codes.insert("\(description.gainType.name)-\(coding.streams.count)")
                case .alias: codes.insert("alias")
                case .unreadable: Issue.record("\(vector.file) has unreadable tensors, and no warning")
                }
            }
        }
        let expected =
            CodecRegistry.families.flatMap { family in family.codes.map { "\(family.name)-\($0.rate)" } }
            + (1...15).flatMap { ["octant-block-\(1 << $0)", "free-block-\(1 << $0)"] }
            + ["float16-2", "float16-3", "float32-2", "float32-3", "alias"]
        #expect(codes == Set(expected))
        let ggml: [ClosedRange<UInt8>] = [66...67, 70...87, 93...93, 98...99, 103...106]
        #expect(dtypes == Set(Array(1...22) + ggml.joined()))
    }

    @Test(arguments: vectors) func theVerdictIsTheManifests(vector: Vector) async throws {
        var hashes: [String: String] = [:]
        do {
            let reader = try QAMReader(path: Path.join(Self.folder, vector.file))
            let report = try await reader.verify(threads: 1)
            if let problem = report.problems.first { throw problem }
            let warnings = reader.warnings + report.warnings
            hashes = try Self.hashes(reader)
            for file in reader.files {
                do { _ = try file.read(0..<file.byteCount) } catch let error as QAMError where error.code == .unsupported { continue }
            }
            #expect(vector.expect == (warnings.isEmpty ? "accept" : "accept-with-warning"), "\(warnings)")
        } catch let error as QAMError {
            #expect(vector.expect == "reject", "\(vector.why): \(error)")
            #expect(error.code.rawValue == vector.code, "\(vector.why): \(error)")
            #expect(error.place.section == vector.section, "\(vector.why): \(error)")
            return
        }
        #expect(hashes == vector.tensors)
    }

    /// XXH3 of each tensor: of the float32 weights of a coded one, of the bytes of a raw one; an alias has its target's hash.
    /// A tensor that cannot be decoded has no hash.
    private static func hashes(_ reader: QAMReader) throws -> [String: String] {
        var hashes: [String: String] = [:]
        for (index, tensor) in reader.tensors.enumerated() {
            var target = index
            if case .alias(let other) = tensor.storage { target = other }
            do {
                let chunk = try reader.read(0..<reader.tensors[target].unitCount, of: target)
                let content = try bytes(chunk, of: target, in: reader)
                hashes[tensor.name] = String(format: "%016lx", XXH3.hash(content))
            } catch let error as QAMError where error.code == .unsupported {
                continue
            }
        }
        return hashes
    }

    private static func bytes(_ chunk: TensorChunk, of tensor: Int, in reader: QAMReader) throws -> [UInt8] {
        guard case .coded = reader.tensors[tensor].storage else { return chunk.streams[0] }
        let weights = try CodecRegistry.decoder(for: tensor, of: reader).decode(chunk, rows: reader.tensors[tensor].rows)
        var writer = ByteWriter()
        for weight in weights { writer.integer(weight.bitPattern) }
        return writer.bytes
    }
}
