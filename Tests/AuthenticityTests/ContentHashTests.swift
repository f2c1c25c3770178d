import Authenticity
import Foundation
import QAMFormat
import Testing

/// Roots of contents, and reading by them.
@Suite struct ContentHashTests {
    private static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "testdata/vectors").path

    struct Vector: Decodable {
        var file: String
        var expect: String
        var content: String?
    }

    private static func reader(_ name: String) throws -> QAMReader { try QAMReader(path: "\(folder)/valid/\(name).qamw") }

    @Test func rootsAreThoseOfTheReferenceDecoder() async throws {
        let vectors = try JSONDecoder().decode([Vector].self, from: Data(contentsOf: URL(filePath: Self.folder + "/manifest.json")))
        var count = 0
        for vector in vectors where vector.expect != "reject" {
            let reader = try QAMReader(path: "\(Self.folder)/\(vector.file)")
            do {
                let hashes = try await ContentHashes.hashing(reader, threads: 2)
                #expect(Format.hexadecimal(hashes.root) == vector.content, "\(vector.file)")
                count += 1
            } catch let error as QAMError {
                #expect(error.code == .unsupported && vector.content == nil, "\(vector.file): \(error)")
            }
        }
        #expect(count > 100)
    }

    @Test func theLeavesThatAFileKeepsAreThoseOfItsContent() async throws {
        let reader = try Self.reader("content")
        let hashes = try await ContentHashes.hashing(reader, threads: 1), kept = try reader.contentLeaves()
        #expect(kept == hashes.leaves && kept.tensors[0][0].count == 3)
        #expect(try ContentHashes(kept, of: reader).root == hashes.root)
        #expect(reader.hasContentLeaves && reader.warnings.isEmpty)
        #expect(throws: QAMError.self) { try Self.reader("example").contentLeaves() }
    }

    /// The bytes of a file, and where its payload is.
    private static func payload(_ name: String) throws -> (bytes: [UInt8], places: [Range<Int>]) {
        let bytes = Array(try Data(contentsOf: URL(filePath: "\(folder)/valid/\(name).qamw")))
        let file = try ContainerFile(MemoryBytes(bytes, name: name))
        let places = file.sections.filter { $0.known?.isChunked == true }.flatMap { section in
            file.directory.extents(in: section.known ?? .raw).map { section.offset + $0.extent.offset..<section.offset + $0.extent.end }
        }
        return (bytes, places)
    }

    @Test func everyBitOfTheContentCounts() async throws {
        let (bytes, places) = try Self.payload("example")
        let root = try await ContentHashes.hashing(QAMReader(MemoryBytes(bytes, name: "example")), threads: 1).root
        var roots: Set<[UInt8]> = [root]
        var flips = 1
        for place in places {
            for bit in 0..<8 * place.count {
                var changed = bytes
                changed[place.lowerBound + bit / 8] ^= 1 << UInt8(bit % 8)
                roots.insert(try await ContentHashes.hashing(QAMReader(MemoryBytes(changed, name: "example")), threads: 1).root)
                flips += 1
            }
        }
        #expect(roots.count == flips && flips > 400)
    }

    @Test func namesShapesAndMetadataCount() async throws {
        let reader = try Self.reader("content")
        let root = try await ContentHashes.hashing(reader, threads: 1).root
        var metadata = reader.metadata
        metadata.set("a", .string("texT"))
        #expect(try await ContentHashes.hashing(Changed(base: reader, metadata: metadata), threads: 1).root != root)
        for change in [{ $0.name += "x" }, { $0.shape = [1] + $0.shape }, { $0.storage = .raw(.bf16) }] as [(inout TensorDescriptor) -> Void] {
            var tensors = reader.tensors
            change(&tensors[2])
            #expect(try await ContentHashes.hashing(Changed(base: reader, tensors: tensors), threads: 1).root != root)
        }
        #expect(try await ContentHashes.hashing(Changed(base: reader), threads: 1).root == root)
    }

    @Test func whatIsReadIsProved() async throws {
        let (bytes, _) = try Self.payload("content")
        let sound = try QAMReader(MemoryBytes(bytes, name: "content"))
        let root = try await ContentHashes.hashing(sound, threads: 1).root
        let source = try VerifiedSource(sound, root: root)
        let zeros = try #require(sound.index(of: "zeros")), norm = try #require(sound.index(of: "norm"))
        #expect(try source.bytes(1_048_570..<1_048_590, ofStream: 0, of: zeros) == sound.bytes(1_048_570..<1_048_590, ofStream: 0, of: zeros))
        try source.verify(zeros)
        #expect(try source.files[0].read(1..<3) == Array("el".utf8))
        var other = root
        other[31] ^= 1
        #expect(throws: QAMError.self) { try VerifiedSource(sound, root: other) }

        // Forged bytes, which a forger would give valid checksums.
        let file = try ContainerFile(MemoryBytes(bytes, name: "content"))
        let extent = file.directory.extent(0, of: norm).extent, raw = try #require(file.sections.first { $0.known == .raw })
        var forged = bytes
        forged[raw.offset + extent.offset] ^= 1
        let tampered = try VerifiedSource(QAMReader(MemoryBytes(forged, name: "forged")), root: root)
        #expect { try tampered.verify(norm) } throws: { ($0 as? QAMError)?.code == .checksumMismatch }
        try tampered.verify(zeros)
        // An alias is its target.
        let large = file.directory.extent(0, of: zeros).extent
        var damaged = bytes
        damaged[raw.offset + large.offset + 100] ^= 1
        let aliased = try VerifiedSource(QAMReader(MemoryBytes(damaged, name: "forged")), root: root)
        #expect(throws: QAMError.self) { try aliased.verify(try #require(sound.index(of: "again"))) }
        let text = try #require(file.sections.first { $0.known == .files })
        forged[text.offset] ^= 1
        #expect(throws: QAMError.self) { _ = try VerifiedSource(QAMReader(MemoryBytes(forged, name: "forged")), root: root).files[0].read(0..<1) }
    }

    /// A model with other metadata or tensors.
    private struct Changed: WrappingSource {
        let base: any TensorSource
        let metadata: Metadata
        let tensors: [TensorDescriptor]
        var fingerprint: String { base.fingerprint }

        init(base: any TensorSource, metadata: Metadata? = nil, tensors: [TensorDescriptor]? = nil) {
            self.base = base
            self.metadata = metadata ?? base.metadata
            self.tensors = tensors ?? base.tensors
        }

        func origin(of tensor: Int) -> Int? { tensor }
    }
}
