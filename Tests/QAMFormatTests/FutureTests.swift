import QAMFormat
import Testing

/// Content that a later version may write: only what depends on it is unreadable. Each of the vectors `future-*` has one such thing.
@Suite struct FutureTests {
    private static func vector(_ name: String) throws -> [UInt8] {
        let root = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3).joined(separator: "/")
        return try contents(of: "\(root)/testdata/vectors/valid/future-\(name).qamw")
    }

    private static func reader(_ name: String) throws -> QAMReader { try QAMReader(MemoryBytes(vector(name), name: "m")) }

    @Test(arguments: [
        ("kind", "norm"), ("kind-extents", "t"), ("kind-alias", "u"), ("dtype", "norm"), ("compression", "norm"), ("stream-kind", "proj"),
        ("stream-group-0", "proj"),
        ("stream-group-16", "proj"),
    ])
    func anUnreadableTensorIsRefusedByName(vector: String, tensor: String) async throws {
        let reader = try Self.reader(vector)
        #expect(reader.warnings.contains { $0.contains("does not know its") })
        #expect(try await reader.verify(threads: 1).problems.isEmpty)
        let view = try reader.tensor(named: tensor)
        for read in [{ _ = try view.floats() }, { try view.withElements { _ in } }, { try view.withSymbols { _ in } }] as [() throws -> Void] {
            #expect { try read() } throws: { ($0 as? QAMError)?.code == .unsupported && ($0 as? QAMError)?.place.tensor == tensor }
        }
        // Everything else can be read.
        let others = reader.tensors.filter { if case .unreadable = $0.storage { false } else { true } }
        for other in others where other.name != tensor { _ = try reader.tensor(named: other.name).floats() }
        // Unknown content cannot be written.
        let folder = try TemporaryFolder()
        await #expect { try await write(reader, to: folder.file("n")) } throws: { ($0 as? QAMError)?.code == .unsupported }
        #expect(folder.names.isEmpty)
    }

    @Test func unreadableMetadataAreKeptByAnEdit() async throws {
        let folder = try TemporaryFolder()
        let path = folder.file("m")
        var source = MemorySource.complete()
        source.metadata = try QAMReader(MemoryBytes(Self.vector("metadata-type"), name: "m")).metadata
        let entry = try #require(source.metadata.unreadable.first)
        #expect(entry.key == "k" && entry.type == 13 && entry.value == Array("what?".utf8))
        try await write(source, to: path)
        #expect(try await MetadataEditor.edit(path) { $0.set("new", .uint8(1)) } == .inPlace)
        let noise = MetadataValue.array(.uint64((0..<4000).map { _ in .random(in: 0 ... .max) }))
        #expect(try await MetadataEditor.edit(path) { $0.set("noise", noise) } == .rewritten)
        let reader = try QAMReader(path: path)
        #expect(reader.metadata.unreadable == [entry])
        #expect(reader.warnings.contains { $0.contains("\"k\"") })
        try await MetadataEditor.edit(path) { $0.set("k", .uint8(2)) }
        let metadata = try QAMReader(path: path).metadata
        #expect(metadata.unreadable.isEmpty && metadata["k"] == .uint8(2))
    }

    @Test func rolesAndProducerComeBack() async throws {
        #expect(try Self.reader("file-role").files[0].role.rawValue == 200)
        let folder = try TemporaryFolder()
        try await write(Self.reader("file-role"), to: folder.file("m"))
        let reader = try QAMReader(path: folder.file("m"))
        #expect(reader.files[0].role.rawValue == 200, "a role that nobody knows is kept")
        #expect(reader.producer == "qamw \(Version.text)")
        try await write(MemorySource.complete(), to: folder.file("n"))
        #expect(try QAMReader(path: folder.file("n")).files.map(\.role) == [.configuration, .tokenizer])
        #expect(EmbeddedFileRole(ofName: "LICENSE.txt") == .license && EmbeddedFileRole(ofName: "other") == .none)
    }

    @Test func aFileOfAnUnknownCompressionCostsThatFile() throws {
        let reader = try Self.reader("file-compression")
        #expect { try reader.files[0].read(0..<1) } throws: { ($0 as? QAMError)?.code == .unsupported }
        #expect(try reader.tensor(named: "norm").floats().count == 3)
    }

    /// An unknown chunked section with several chunks, each with its own hash.
    @Test func aLargeUnknownSectionIsVerified() async throws {
        let old = try Self.vector("section-chunked"), reader = try QAMReader(MemoryBytes(old, name: "m"))
        let large = [UInt8](repeating: 7, count: 5 << 19)
        var entries = reader.sections
        let note = try #require(entries.firstIndex { $0.name == "x-note" }), checksums = try #require(entries.firstIndex { $0.known == .checksums })
        var list = ByteWriter()
        for start in stride(from: 0, to: large.count, by: 1 << 20) { list.integer(XXH3.hash(large[start..<min(start + 1 << 20, large.count)])) }
        let hashes = Array(old[entries[checksums].range].dropLast(8)) + list.bytes
        entries[note].length = large.count
        entries[note].contentLength = large.count
        entries[note].checksum = XXH3.hash(list.bytes)
        entries[checksums].offset = alignUp(entries[note].end + 64, to: 64)
        entries[checksums].length = hashes.count
        entries[checksums].contentLength = hashes.count
        entries[checksums].checksum = XXH3.hash(hashes)
        let table = SectionTable.encode(entries)
        var header = reader.header
        header.fileLength = entries[checksums].end
        header.tableHash = XXH3.hash(table)
        var bytes = Array(old[..<entries[note].offset]) + large
        bytes += [UInt8](repeating: 0, count: entries[checksums].offset - bytes.count) + hashes
        bytes.replaceSubrange(0..<64 + table.count, with: header.encoded + table)
        #expect(try await QAMReader(MemoryBytes(bytes, name: "m")).verify(threads: 1).problems.isEmpty)
        for chunk in 0..<3 {
            bytes[entries[note].offset + chunk << 20] ^= 1
            let problem = try #require(try await QAMReader(MemoryBytes(bytes, name: "m")).verify(threads: 1).problems.first)
            #expect(problem.place.section == "x-note" && problem.place.offset == entries[note].offset + chunk << 20)
            bytes[entries[note].offset + chunk << 20] ^= 1
        }
    }
}
