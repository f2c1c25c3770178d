import Converters
import QAMFormat
import Testing

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

@Suite struct GGUFMetadataEditorTests {
    private func model(_ folder: ScratchFolder) async throws -> (path: String, source: MemorySource) {
        var source = MemorySource()
        source.metadata.set("name", .string("a name"))
        source.metadata.set("note", .string(String(repeating: "n", count: 100)))
        source.add("a", [5 << 20], .i8)
        source.add("b", [3, 7], .f32)
        let path = folder.path("m.gguf")
        _ = try await transfer(from: source, to: GGUFSink(output: .file(path)), threads: 1)
        return (path, source)
    }

    private func expectPayload(_ path: String, _ source: MemorySource) throws {
        let back = try GGUFSource(path: path)
        #expect(back.tensors == source.tensors && back.warnings.isEmpty)
        for tensor in source.tensors.indices { #expect(try payload(back, tensor) == payload(source, tensor)) }
    }

    @Test func whatKeepsTheDataInTheirPlaceIsWrittenThere() async throws {
        let folder = try ScratchFolder()
        let (path, source) = try await model(folder)
        let before = try #require(try FileStatus(path))
        // The space available for metadata is the header's padding.
        let header = try GGUFSource(path: path).header
        for name in ["b name", "a", String(repeating: "x", count: 6 + header.dataStart - header.end)] {
            try await GGUFMetadataEditor.edit(path) { $0.set("name", .string("a name")) }
            let outcome = try await GGUFMetadataEditor.edit(path) { $0.set("name", .string(name)) }
            let fits = (header.end + name.utf8.count - 6 + 31) / 32 * 32 == header.dataStart
            #expect(outcome == (fits ? .inPlace : .rewritten), "\(name.utf8.count)")
            #expect(try GGUFSource(path: path).metadata["name"] == .string(name))
            try expectPayload(path, source)
        }
        #expect(try #require(try FileStatus(path)).byteCount == before.byteCount)
        let swapped = try #require(try FileStatus(path))
        #expect(try await GGUFMetadataEditor.edit(path) { $0.set("note", .string(String(repeating: "m", count: 100))) } == .inPlace)
        #expect(try #require(try FileStatus(path)).inode == swapped.inode)
        #expect(try folder.names() == ["m.gguf"])
    }

    @Test func whatMovesTheDataRewritesTheFile() async throws {
        let folder = try ScratchFolder()
        let (path, source) = try await model(folder)
        let before = try #require(try FileStatus(path))
        #expect(try await GGUFMetadataEditor.edit(path) { $0.set("long", .array(.uint32((0..<5000).map { UInt32($0) }))) } == .rewritten)
        #expect(try #require(try FileStatus(path)).inode != before.inode)
        try expectPayload(path, source)
        #expect(try await GGUFMetadataEditor.edit(path) { $0.remove("long") } == .rewritten)
        try expectPayload(path, source)
        #expect(try await GGUFMetadataEditor.edit(path) { $0.set("general.alignment", .uint32(4096)) } == .rewritten)
        #expect(try GGUFSource(path: path).header.alignment == 4096)
        try expectPayload(path, source)
        for value in [MetadataValue.uint32(24), .uint64(32)] {
            await #expect { try await GGUFMetadataEditor.edit(path) { $0.set("general.alignment", value) } } throws: {
                ($0 as? QAMError)?.code == .invalidArgument
            }
        }
        #expect(try folder.names() == ["m.gguf"])
    }

    @Test func bigEndianFilesAndOldVersions() async throws {
        let folder = try ScratchFolder()
        for (version, isBigEndian) in [(2, false), (2, true), (3, true)] as [(UInt32, Bool)] {
            var file = GGUFBytes(version: version, isBigEndian: isBigEndian)
            file.add("n", u32: 1)
            file.tensors = [.init(type: 0)]
            file.data = [1, 2, 3, 4].flatMap { file.integer(UInt32($0)) } + [UInt8](repeating: 0, count: 16)
            let path = try folder.write(file.bytes, "m.gguf")
            let outcome = try await GGUFMetadataEditor.edit(path) { $0.set("n", .uint32(2)) }
            #expect(outcome == (isBigEndian ? .rewritten : .inPlace))
            let back = try GGUFSource(path: path)
            #expect(back.header.version == (isBigEndian ? 3 : 2) && !back.header.isBigEndian)
            #expect(back.metadata["n"] == .uint32(2))
            #expect(try payload(back, 0)[0] == [1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0])
        }
    }

    @Test func aFileOfASetStaysOne() async throws {
        let folder = try ScratchFolder()
        var source = MemorySource()
        for name in ["a", "b"] { source.add(name, [100], .f32) }
        _ = try await transfer(from: source, to: GGUFSink(output: .file(folder.path("m.gguf")), maxShardSize: 400), threads: 1)
        let first = folder.path("m-00001-of-00002.gguf")
        #expect(try await GGUFMetadataEditor.edit(first) { $0.set("name", .string(String(repeating: "x", count: 1000))) } == .rewritten)
        let set = try GGUFModel(path: first)
        #expect(set.metadata.entries.map(\.key) == ["name"])
        #expect(set.tensors == source.tensors)
        for key in ["split.no", "split.count"] {
            await #expect { try await GGUFMetadataEditor.edit(first) { $0.remove(key) } } throws: { ($0 as? QAMError)?.code == .invalidArgument }
        }
    }

    @Test func failureKeepsTheFile() async throws {
        let folder = try ScratchFolder()
        let (path, _) = try await model(folder)
        let before = try contents(path)
        for (call, code) in [(SystemCalls.Call.write, ENOSPC), (.sync, EIO), (.rename, EIO)] {
            await SystemCalls.$faults.withValue(FailingCall(call, code)) {
                await #expect(throws: QAMError.self) {
                    try await GGUFMetadataEditor.edit(path) { $0.set("long", .string(String(repeating: "x", count: 10_001))) }
                }
            }
        }
        struct Refused: Error {}
        await #expect(throws: Refused.self) { try await GGUFMetadataEditor.edit(path) { _ in throw Refused() } }
        await #expect(throws: QAMError.self) { try await GGUFMetadataEditor.edit(path) { $0.set("a\0b", .uint8(1)) } }
        #expect(try contents(path) == before)
        #expect(try folder.names() == ["m.gguf"])
    }
}
