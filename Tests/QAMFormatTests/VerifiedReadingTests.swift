import QAMFormat
import Testing

/// Readers that verify every chunk on first use.
@Suite struct VerifiedReadingTests {
    /// A file with a changed byte in the first tensor's second chunk.
    private static func damagedFile(_ folder: TemporaryFolder) async throws -> String {
        let path = folder.file("m")
        try await write(MemorySource.decodable(), to: path)
        let offset = try #require(try QAMReader(path: path).sections.first { $0.known == .symbols }).offset + SectionExtent.chunkSize + 17
        let descriptor = try SystemCalls.openWriting(path)
        let byte = [try contents(of: path)[offset] ^ 0x20]
        try unsafe byte.withUnsafeBytes { try unsafe SystemCalls.write(descriptor, at: offset, $0, path: path) }
        SystemCalls.closeDescriptor(descriptor)
        return path
    }

    @Test func damageIsFoundWhereItIsAndOnlyThere() async throws {
        let folder = try TemporaryFolder()
        let path = try await Self.damagedFile(folder)
        let source = try MemorySource.decodable()
        for mode in accessModes(path) {
            let reader = try QAMReader(path: path, access: mode, verifiesPayload: true)
            let view = try reader.tensor(named: "big")
            // Rows of 88 bytes: 11,915 of them are in the first chunk, those from 23,832 on in the third.
            #expect(try view.floats(rows: 0..<11_915).count == 11_915 * 128)
            #expect(try view.floats(rows: 23_832..<view.rows).count == (view.rows - 23_832) * 128)
            for _ in 0..<2 {
                let error = try #require(#expect(throws: QAMError.self) { try view.floats(rows: 11_915..<11_916) })
                #expect(error.code == .checksumMismatch)
                #expect(error.place.section == "symbols")
                #expect(error.place.tensor == "big")
                #expect(error.place.file == path)
                #expect(error.message.contains("chunk 1"))
                #expect(error.place.length == SectionExtent.chunkSize)
            }
            #expect(throws: QAMError.self) { try view.withSymbols { _ in } }
            #expect(throws: QAMError.self) { try reader.tensor(named: "tied").withSymbols { _ in } }
            #expect(throws: QAMError.self) { try reader.read(0..<view.rows, of: 0) }
            for (index, tensor) in source.tensors.enumerated() where !["big", "tied"].contains(tensor.name) {
                #expect(try bits(reader.tensor(at: index).floats()) == bits(expectedFloats(source, index)))
            }
            // Without verification the damage is not reported.
            #expect(try QAMReader(path: path, access: mode).tensor(named: "big").floats().count == view.rows * 128)
        }
    }

    @Test func theFilesInsideAreCheckedToo() async throws {
        let folder = try TemporaryFolder()
        let path = folder.file("m")
        try await write(MemorySource.decodable(bigRows: 1), to: path)
        var bytes = try contents(of: path)
        let section = try #require(try QAMReader(path: path).sections.first { $0.known == .files })
        bytes[section.offset] ^= 1
        let reader = try QAMReader(MemoryBytes(bytes, name: "m"), verifiesPayload: true)
        let error = #expect(throws: QAMError.self) { try reader.files[0].read(0..<1) }
        #expect(error?.place.section == "files" && error?.place.tensor == "config.json")
    }

    @Test func aChunkIsCheckedOnce() async throws {
        let folder = try TemporaryFolder()
        try await write(MemorySource.decodable(), to: folder.file("m"))
        let counting = CountingBytes(try FileBytes(path: folder.file("m")))
        let view = try QAMReader(counting, verifiesPayload: true).tensor(named: "big")
        func chunksRead() -> Int { counting.ranges.count { $0.count >= SectionExtent.chunkSize } }
        _ = try view.withSymbols(rows: 0..<2) { $0.byteCount }
        #expect(chunksRead() == 1)
        _ = try view.withSymbols(rows: 100..<102) { $0.byteCount }
        #expect(chunksRead() == 1)
        _ = try view.withSymbols(rows: 11_900..<12_000) { $0.byteCount }
        #expect(chunksRead() == 2)
    }

    @Test func damagedChecksumsAreFoundAtOpening() async throws {
        let folder = try TemporaryFolder()
        try await write(MemorySource.decodable(bigRows: 5), to: folder.file("m"))
        var bytes = try contents(of: folder.file("m"))
        bytes[bytes.count - 1] ^= 1
        _ = try QAMReader(MemoryBytes(bytes, name: "m"))
        let error = #expect(throws: QAMError.self) { try QAMReader(MemoryBytes(bytes, name: "m"), verifiesPayload: true) }
        #expect(error?.code == .checksumMismatch && error?.place.section == "checksums")
    }

    @Test func damageIsFoundFromManyThreads() async throws {
        let folder = try TemporaryFolder()
        let path = try await Self.damagedFile(folder)
        let view = try QAMReader(path: path, access: .mapped, verifiesPayload: true).tensor(named: "big")
        let failed = await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<8 { group.addTask { (try? view.floats(rows: 12_000..<13_000)) == nil } }
            return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(failed == 8)
    }
}
