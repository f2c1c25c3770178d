import QAMFormat
import Synchronization
import Testing

/// Metadata edited in place: after any interruption the file has either the old or the new metadata.
@Suite struct InPlaceEditTests {
    /// Records the writes and syncs of an edit.
    private final class Recorder: FaultInjector {
        private let recorded = Mutex<[SystemCalls.Event]>([])

        var events: [SystemCalls.Event] { recorded.withLock { $0 } }

        func failure(of call: SystemCalls.Call) -> CInt? { nil }

        func observe(_ event: SystemCalls.Event) { recorded.withLock { $0.append(event) } }
    }

    /// The bytes of a write within one disk block.
    private struct BlockWrite {
        var offset: Int
        var bytes: ArraySlice<UInt8>

        func apply(to file: inout [UInt8]) { file.replaceSubrange(offset..<offset + bytes.count, with: bytes) }
    }

    /// Splits a write into disk blocks.
    private static func blocks(_ offset: Int, _ bytes: [UInt8]) -> [BlockWrite] {
        var blocks: [BlockWrite] = []
        var start = 0
        while start < bytes.count {
            let end = min(bytes.count, start + EditedFile.atomicBlock - (offset + start) % EditedFile.atomicBlock)
            blocks.append(BlockWrite(offset: offset + start, bytes: bytes[start..<end]))
            start = end
        }
        return blocks
    }

    /// The states in which a power failure may leave the file: everything synced, and any subset of the blocks written since.
    private static func crashes(_ file: [UInt8], _ events: [SystemCalls.Event], _ generator: inout SplitMix64) -> [[UInt8]] {
        var states: [[UInt8]] = []
        var durable = file
        var pending: [BlockWrite] = []
        for event in events {
            guard case .write(_, let offset, let bytes) = event else {
                for block in pending { block.apply(to: &durable) }
                pending = []
                continue
            }
            let blocks = blocks(offset, bytes)
            for cut in 0...blocks.count {
                // A prefix in writing order, and a suffix.
                for kept in [pending + blocks.prefix(cut), Array(blocks.suffix(cut))] {
                    var state = durable
                    for block in kept { block.apply(to: &state) }
                    states.append(state)
                }
            }
            pending += blocks
            for _ in 0..<8 {
                var state = durable
                for block in pending where generator.next() & 1 == 0 { block.apply(to: &state) }
                states.append(state)
            }
        }
        return states
    }

    private static func text(_ length: Int, _ generator: inout SplitMix64) -> MetadataValue {
        .string(String(decoding: (0..<length).map { _ in UInt8(truncatingIfNeeded: 0x21 + generator.next() % 90) }, as: UTF8.self))
    }

    private func overwrite(_ path: String, _ bytes: [UInt8], at offset: Int = 0) throws {
        let descriptor = try SystemCalls.openWriting(path)
        defer { SystemCalls.closeDescriptor(descriptor) }
        try unsafe bytes.withUnsafeBytes { try unsafe SystemCalls.write(descriptor, at: offset, $0, path: path) }
    }

    /// A small file with little padding.
    private func makeFile(_ folder: TemporaryFolder) async throws -> String {
        var options = ContainerOptions()
        options.alignment = 64
        let path = folder.file("m")
        try await write(MemorySource.complete(), to: path, options: options)
        return path
    }

    @Test func everyCrashLeavesTheOldOrTheNewMetadata() async throws {
        let folder = try TemporaryFolder()
        let path = try await makeFile(folder)
        var generator = SplitMix64(state: 1)
        for length in [0, 700, 1500, 3, 2000, 2000, 900] {
            let before = try contents(of: path), old = try QAMReader(path: path).metadata
            let value = Self.text(length, &generator)
            let recorder = Recorder()
            let outcome = try await SystemCalls.$faults.withValue(recorder) { try await MetadataEditor.edit(path) { $0.set("note", value) } }
            #expect(outcome == .inPlace)
            let new = try QAMReader(path: path).metadata
            let states = Self.crashes(before, recorder.events, &generator)
            #expect(states.count > 20)
            var found = Set<Bool>()
            for state in states {
                let reader = try QAMReader(MemoryBytes(state, name: "m"))
                #expect(try await reader.verify(threads: 1).problems.isEmpty)
                #expect(reader.metadata == old || reader.metadata == new)
                found.insert(reader.metadata == new)
            }
            #expect(found == [true, false], "the simulation has crashes before and after the change")
            // The next edit removes what an interrupted edit left.
            for state in states.suffix(3) + states.prefix(states.count / 2).suffix(3) {
                try overwrite(path, state)
                try await MetadataEditor.edit(path) { $0.set("after", .uint32(7)) }
                let report = try await QAMReader(path: path).verify(threads: 1)
                #expect(report.problems.isEmpty && report.warnings.isEmpty, "\(report)")
            }
            try overwrite(path, before)
            #expect(try await MetadataEditor.edit(path) { $0.set("note", value) } == .inPlace)
        }
    }

    @Test func manyEditsInARow() async throws {
        let folder = try TemporaryFolder()
        let path = try await makeFile(folder)
        let size = try contents(of: path).count
        var generator = SplitMix64(state: 2)
        var expected = try QAMReader(path: path).metadata
        for edit in 0..<400 {
            let key = "key\(generator.next() % 5)", value = Self.text(Int(generator.next() % 600), &generator)
            let outcome = try await MetadataEditor.edit(path) { if edit % 7 == 0 { $0.remove(key) } else { $0.set(key, value) } }
            if edit % 7 == 0 { expected.remove(key) } else { expected.set(key, value) }
            #expect(outcome == .inPlace, "edit \(edit)")
            let reader = try QAMReader(path: path)
            #expect(reader.metadata == expected)
            let report = try await reader.verify(threads: 1)
            #expect(report.problems.isEmpty && report.warnings.isEmpty, "edit \(edit): \(report)")
        }
        #expect(try contents(of: path).count == size)
        #expect(folder.names == ["m"])
        // After a complete rewrite, nothing of the earlier content remains.
        let reader = try QAMReader(path: path)
        #expect(reader.sections.contains { $0.known == .spare })
        try await write(reader, to: folder.file("n"), options: reader.options)
        let copy = try QAMReader(path: folder.file("n"))
        #expect(copy.metadata == expected && !copy.sections.contains { $0.known == .spare })
    }

    @Test func everyChangedByteOfAnEditedFileIsTold() async throws {
        let folder = try TemporaryFolder()
        let path = try await makeFile(folder)
        for number in 0..<2 {
            try await MetadataEditor.edit(path) { $0.set("number", .uint32(UInt32(number))) }
            var bytes = try contents(of: path)
            let end = try QAMReader(path: path).sections.roomEnd
            for offset in 64..<end {
                bytes[offset] ^= 0x20
                do {
                    let report = try await QAMReader(MemoryBytes(bytes, name: "m")).verify(threads: 1)
                    #expect(report.problems.isEmpty)
                    #expect(report.warnings.count == 1 && report.warnings[0].contains("interrupted"), "offset \(offset): \(report)")
                } catch let error as QAMError {
                    #expect(error.code == .checksumMismatch, "offset \(offset): \(error)")
                }
                bytes[offset] ^= 0x20
            }
        }
    }

    /// A large hole in a sparse file is neither filled nor read.
    @Test func aHoleStaysAHole() async throws {
        let folder = try TemporaryFolder()
        let path = try await makeFile(folder)
        let bytes = try contents(of: path), reader = try QAMReader(path: path)
        let shift = 1 << 36, from = reader.sections.roomEnd
        var entries = reader.sections, header = reader.header
        for index in entries.indices where entries[index].offset >= from { entries[index].offset += shift }
        let table = SectionTable.encode(entries)
        header.fileLength += shift
        header.tableHash = XXH3.hash(table)
        let descriptor = try SystemCalls.openWriting(path)
        try SystemCalls.truncate(descriptor, to: header.fileLength, path: path)
        SystemCalls.closeDescriptor(descriptor)
        try overwrite(path, [UInt8](repeating: 0, count: bytes.count - from), at: from)
        try overwrite(path, Array(bytes[from...]), at: from + shift)
        try overwrite(path, header.encoded + table)
        for number in 0..<4 {
            #expect(try await MetadataEditor.edit(path) { $0.set("number", .uint32(UInt32(number))) } == .inPlace)
            #expect(try QAMReader(path: path).metadata["number"] == .uint32(UInt32(number)))
        }
    }
}
