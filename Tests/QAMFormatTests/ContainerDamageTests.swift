import QAMFormat
import Testing

/// Every change of a file is found, and named where it is.
@Suite struct ContainerDamageTests {
    /// A small file with every kind of section, in memory.
    static func smallFile(compressesRaw: Bool = false) async throws -> [UInt8] {
        let folder = try TemporaryFolder()
        var options = ContainerOptions()
        options.alignment = 64
        options.metadataCapacity = 512
        options.compressesRaw = compressesRaw
        let path = folder.file("m")
        try await write(MemorySource.complete(), to: path, options: options)
        return try contents(of: path)
    }

    /// All problems of a file, those found at opening included.
    static func problems(_ bytes: [UInt8]) async throws -> [QAMError] {
        do {
            return try await QAMReader(MemoryBytes(bytes, name: "m")).verify(threads: 1).problems
        } catch let error as QAMError {
            return [error]
        }
    }

    /// The name of what lies at each offset: a section, the section before a gap, or the table or header.
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
        #expect(Set(places).count == 11, "header, table and all nine sections are there")
        var damaged = bytes
        for offset in bytes.indices {
            for change: UInt8 in [0x01, 0x80, 0xFF] {
                damaged[offset] = bytes[offset] ^ change
                let problems = try await Self.problems(damaged)
                #expect(problems.first?.place.section == places[offset], "offset \(offset), change \(change): \(problems)")
            }
            damaged[offset] = bytes[offset]
        }
    }

    @Test func theDamagedTensorIsNamed() async throws {
        let bytes = try await Self.smallFile()
        let reader = try QAMReader(MemoryBytes(bytes, name: "m"))
        for (index, tensor) in reader.directory.tensors.enumerated() {
            for extent in tensor.extents where extent.length > 0 {
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
}
