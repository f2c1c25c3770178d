import QAMFormat
import Testing

/// Every changed byte of a file is detected and located.
@Suite struct ContainerDamageTests {
    /// A small file with every kind of section, in memory.
    static func smallFile(compressesRaw: Bool = false) async throws -> [UInt8] {
        let folder = try TemporaryFolder()
        var options = ContainerOptions()
        options.alignment = 64
        options.compressesRaw = compressesRaw
        let path = folder.file("m")
        try await write(MemorySource.complete(), to: path, options: options)
        return try contents(of: path)
    }

    /// All problems of a file, including those found when it is opened.
    static func problems(_ bytes: [UInt8]) async throws -> [QAMError] { try await report(bytes).problems }

    private static func report(_ bytes: [UInt8]) async throws -> VerifyReport {
        do {
            return try await QAMReader(MemoryBytes(bytes, name: "m")).verify(threads: 1)
        } catch let error as QAMError {
            var report = VerifyReport()
            report.problems = [error]
            return report
        }
    }

    /// The name of the part at each offset: a section, the section before a gap, or the table or header.
    static func places(_ bytes: [UInt8]) throws -> [String] {
        let reader = try QAMReader(MemoryBytes(bytes, name: "m"))
        var names = [String](repeating: "section table", count: bytes.count)
        for offset in 0..<FileHeader.byteCount { names[offset] = "header" }
        for section in reader.sections {
            for offset in section.offset..<bytes.count { names[offset] = section.name }
        }
        return names
    }

    @Test(arguments: [false, true])
    func everyByteChangedIsFoundAndNamed(compressesRaw: Bool) async throws {
        let bytes = try await Self.smallFile(compressesRaw: compressesRaw)
        let places = try Self.places(bytes)
        #expect(Set(places).count == 12, "header, table and all sections but spare are there")
        let reader = try QAMReader(MemoryBytes(bytes, name: "m"))
        let metadata = try #require(reader.sections.first { $0.known == .metadata })
        let room = metadata.end..<reader.sections.roomEnd
        var damaged = bytes
        for offset in bytes.indices {
            for change: UInt8 in [0x01, 0x80, 0xFF] {
                damaged[offset] = bytes[offset] ^ change
                let report = try await Self.report(damaged)
                if room.contains(offset) {
                    #expect(report.problems.isEmpty && report.warnings.first?.contains("section metadata, offset \(offset)") == true, "\(report)")
                } else {
                    #expect(report.problems.first?.place.section == places[offset], "offset \(offset), change \(change): \(report)")
                }
            }
            damaged[offset] = bytes[offset]
        }
    }

    @Test func theDamagedTensorIsNamed() async throws {
        let bytes = try await Self.smallFile()
        let reader = try QAMReader(MemoryBytes(bytes, name: "m"))
        #expect(reader.tensors.indices.count { !reader.directory.extents(of: $0).isEmpty } > 2)
        for index in reader.tensors.indices {
            for extent in reader.directory.extents(of: index).map(\.extent) where extent.length > 0 {
                let section = try #require(reader.sections.first { $0.known == extent.section })
                var damaged = bytes
                damaged[section.offset + extent.offset] ^= 0x10
                let problem = try #require(try await Self.problems(damaged).first)
                #expect(problem.place.tensor == reader.tensors[index].name)
                #expect(problem.code == .checksumMismatch)
                let damagedReader = try QAMReader(MemoryBytes(damaged, name: "m"))
                #expect(try await damagedReader.verify(tensors: [reader.tensors[index].name], threads: 1).problems.count == 1)
                let others = reader.tensors.indices.filter { $0 != index && $0 != 3 }.map { reader.tensors[$0].name }
                #expect(try await damagedReader.verify(tensors: others, threads: 1).problems.isEmpty)
            }
        }
    }

    @Test func everyTruncationIsRefused() async throws {
        let bytes = try await Self.smallFile()
        for length in 0..<bytes.count {
            let error = #expect(throws: QAMError.self) { try QAMReader(MemoryBytes(Array(bytes.prefix(length)), name: "m")) }
            #expect(error?.code == .truncated, "length \(length)")
        }
    }

    @Test func appendedBytesAreRefused() async throws {
        let bytes = try await Self.smallFile()
        for tail in [[0], [1, 2, 3], bytes] as [[UInt8]] {
            #expect(throws: QAMError.self) { try QAMReader(MemoryBytes(bytes + tail, name: "m")) }
        }
    }

    @Test func textModeDamageIsSaidSo() async throws {
        var bytes = try await Self.smallFile()
        bytes.remove(at: 4)
        let error = #expect(throws: QAMError.self) { try QAMReader(MemoryBytes(bytes, name: "m")) }
        #expect(error?.message.contains("text-mode") == true)
    }

    @Test func aMissingTensorIsNotFound() async throws {
        let reader = try QAMReader(MemoryBytes(try await Self.smallFile(), name: "m"))
        await #expect(throws: QAMError.self) { try await reader.verify(tensors: ["nobody"], threads: 1) }
    }

    @Test func headerOnlyTouchesNoPayload() async throws {
        var bytes = try await Self.smallFile()
        let reader = try QAMReader(MemoryBytes(bytes, name: "m"))
        let raw = try #require(reader.sections.first { $0.name == "raw" })
        bytes[raw.offset] ^= 1
        let damaged = try QAMReader(MemoryBytes(bytes, name: "m"))
        #expect(try await damaged.verify(headerOnly: true, threads: 1).problems.isEmpty)
        #expect(try await damaged.verify(threads: 1).problems.count == 1)
    }

    /// An invalid zstd frame under valid checksums: only decompressing it finds the damage.
    @Test func framesThatDoNotDecompressAreFound() async throws {
        var bytes = try await Self.smallFile(compressesRaw: true)
        let reader = try QAMReader(MemoryBytes(bytes, name: "m"))
        var entries = reader.sections
        let raw = try #require(entries.firstIndex { $0.known == .raw })
        let checksums = try #require(entries.firstIndex { $0.known == .checksums })
        bytes[entries[raw].offset] ^= 0xFF
        var hashes = Array(bytes[entries[checksums].range])
        var list: [UInt8] = []
        for extent in reader.directory.extents(in: .raw).map(\.extent) where extent.length > 0 {
            var writer = ByteWriter()
            let start = entries[raw].offset + extent.offset
            writer.integer(XXH3.hash(bytes[start..<start + extent.length]))
            list += writer.bytes
        }
        hashes.replaceSubrange(hashes.count - list.count..<hashes.count, with: list)
        bytes.replaceSubrange(entries[checksums].range, with: hashes)
        entries[raw].checksum = XXH3.hash(list)
        entries[checksums].checksum = XXH3.hash(hashes)
        let table = SectionTable.encode(entries)
        var header = reader.header
        header.tableHash = XXH3.hash(table)
        bytes.replaceSubrange(0..<FileHeader.byteCount + table.count, with: header.encoded + table)
        let problem = try #require(try await Self.problems(bytes).first)
        #expect(problem.code == .malformed)
        #expect(problem.place.section == "raw")
        #expect(problem.place.tensor == "embed.weight")
    }
}
