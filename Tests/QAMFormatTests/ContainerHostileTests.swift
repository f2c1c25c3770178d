import QAMFormat
import Testing

/// Files with valid checksums and invalid content.
@Suite struct ContainerHostileTests {
    /// A file with one more section.
    private func fileWithSection(_ name: String, flags: SectionEntry.Flags, content: [UInt8] = [1, 2, 3]) async throws -> [UInt8] {
        let bytes = try await ContainerDamageTests.smallFile()
        let reader = try QAMReader(MemoryBytes(bytes, name: "m"))
        var entries = reader.sections
        // One more entry moves everything by the alignment.
        let shift = 64
        for index in entries.indices { entries[index].offset += shift }
        let offset = alignUp((entries.last?.end ?? 0) + 64, to: 64)
        entries.append(
            SectionEntry(name: name, flags: flags, offset: offset, length: content.count, contentLength: content.count, checksum: XXH3.hash(content)))
        let oldStart = reader.sections[0].offset
        var file = [UInt8](repeating: 0, count: offset) + content
        file.replaceSubrange(oldStart + shift..<bytes.count + shift, with: bytes[oldStart...])
        return seal(&file, entries, reader.header)
    }

    /// Writes the table and the header with valid checksums.
    private func seal(_ file: inout [UInt8], _ entries: [SectionEntry], _ old: FileHeader) -> [UInt8] {
        let table = SectionTable.encode(entries)
        var header = old
        header.sectionCount = entries.count
        header.fileLength = file.count
        header.tableHash = XXH3.hash(table)
        file.replaceSubrange(0..<64 + table.count, with: header.encoded + table)
        return file
    }

    @Test func anUnknownAncillarySectionIsSkippedAndReported() async throws {
        let bytes = try await fileWithSection("notes", flags: [])
        let reader = try QAMReader(MemoryBytes(bytes, name: "m"))
        #expect(reader.warnings.contains { $0.contains("notes") })
        #expect(try await reader.verify(threads: 1).problems.isEmpty)
        var damaged = bytes
        damaged[bytes.count - 1] ^= 1
        #expect(try await ContainerDamageTests.problems(damaged).first?.place.section == "notes")
    }

    @Test func anUnknownCriticalSectionIsRefusedByName() async throws {
        let bytes = try await fileWithSection("tomorrow", flags: .critical)
        let error = #expect(throws: QAMError.self) { try QAMReader(MemoryBytes(bytes, name: "m")) }
        #expect(error?.code == .unsupported)
        #expect(error?.place.section == "tomorrow")
    }

    @Test func aSecondSectionOfOneNameIsRefused() async throws {
        let bytes = try await fileWithSection("metadata", flags: .critical)
        #expect(throws: QAMError.self) { try QAMReader(MemoryBytes(bytes, name: "m")) }
    }

    @Test(arguments: [(1, 0), (1, 2), (0, 1), (0, 2), (0, 99)] as [(UInt16, UInt16)])
    func anotherVersionIsRefused(major: UInt16, minor: UInt16) async throws {
        var bytes = try await ContainerDamageTests.smallFile()
        var header = try FileHeader(Array(bytes.prefix(64)), actualLength: bytes.count)
        (header.major, header.minor) = (major, minor)
        bytes.replaceSubrange(0..<64, with: header.encoded)
        let error = #expect(throws: QAMError.self) { try QAMReader(MemoryBytes(bytes, name: "m")) }
        #expect(error?.code == .unsupported)
    }

    /// Changes the directory's bytes, updates the checksums and opens the file.
    private func open(_ original: [UInt8], changing change: (inout [UInt8]) -> Void) throws -> QAMReader {
        var bytes = original
        let reader = try QAMReader(MemoryBytes(bytes, name: "m"))
        var entries = reader.sections
        let index = try #require(entries.firstIndex { $0.known == .directory })
        var directory = Array(bytes[entries[index].range])
        change(&directory)
        bytes.replaceSubrange(entries[index].range, with: directory)
        entries[index].checksum = XXH3.hash(directory)
        return try QAMReader(MemoryBytes(seal(&bytes, entries, reader.header), name: "m"))
    }

    /// After a change of any single byte or 8-byte field of the directory, opening either fails or gives a reader whose
    /// reads all stay within the file, without a trap.
    @Test func hostileDirectoriesNeverTrap() async throws {
        let bytes = try await ContainerDamageTests.smallFile()
        let reader = try QAMReader(MemoryBytes(bytes, name: "m"))
        let length = try #require(reader.sections.first { $0.known == .directory }).length
        var refused = 0
        for offset in 0..<length {
            for value: UInt8 in [0x00, 0x01, 0x7F, 0x80, 0xFF] {
                do {
                    let changed = try open(bytes) { $0[offset] = value }
                    for tensor in changed.tensors.indices { _ = try? payload(changed, tensor) }
                    _ = try await changed.verify(threads: 1)
                } catch is QAMError {
                    refused += 1
                }
            }
            guard offset + 8 <= length else { continue }
            for value: UInt8 in [0x7F, 0xFF] {
                do {
                    _ = try open(bytes) { directory in
                        for position in offset..<offset + 8 { directory[position] = 0xFF }
                        directory[offset + 7] = value
                    }
                } catch is QAMError {
                    refused += 1
                }
            }
        }
        #expect(refused > length / 2)
    }

    @Test func namesOfEmbeddedFilesAreNoPaths() {
        for name in ["", ".", "..", "a/../b", "a//b", "a/", "./a", "/etc/passwd", "..\\x", "a\u{0}", "a\n", String(repeating: "x", count: 256)] {
            #expect(!EmbeddedFileName.isValid(name))
        }
        for name in ["config.json", "1_Pooling/config.json", "...", "ü.txt", " "] { #expect(EmbeddedFileName.isValid(name)) }
    }

    @Test func metadataThatExpandTooFarAreRefused() async throws {
        var bytes = try await ContainerDamageTests.smallFile()
        let reader = try QAMReader(MemoryBytes(bytes, name: "m"))
        var entries = reader.sections
        let index = try #require(entries.firstIndex { $0.known == .metadata })
        let bomb = try ZstdFrames.compressAll([UInt8](repeating: 0, count: 1 << 20))
        try #require(bomb.count <= reader.sections.roomEnd - entries[index].offset)
        bytes.replaceSubrange(entries[index].offset..<entries[index].offset + bomb.count, with: bomb)
        entries[index].length = bomb.count
        entries[index].contentLength = 1 << 20
        entries[index].flags = [.critical, .zstd]
        entries[index].checksum = XXH3.hash(bomb)
        let error = #expect(throws: QAMError.self) { try QAMReader(MemoryBytes(seal(&bytes, entries, reader.header), name: "m")) }
        #expect(error?.code == .malformed)
    }
}
