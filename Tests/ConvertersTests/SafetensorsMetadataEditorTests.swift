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

@Suite struct SafetensorsMetadataEditorTests {
    private func model(_ folder: ScratchFolder) async throws -> (path: String, source: MemorySource) {
        var source = MemorySource()
        source.metadata.set("format", .string("pt"))
        source.metadata.set("note", .string("a fairly long note that can go"))
        source.add("a", [5 << 20], .u8)
        source.add("b", [3, 7], .f32)
        let path = folder.path("m.safetensors")
        _ = try await transfer(from: source, to: SafetensorsSink(output: .file(path)), threads: 1)
        return (path, source)
    }

    private func expectPayload(_ path: String, _ source: MemorySource) throws {
        let back = try SafetensorsSource(path: path)
        #expect(back.tensors.map(\.name) == ["b", "a"])
        #expect(try payload(back, 0) == payload(source, 1))
        #expect(try payload(back, 1) == payload(source, 0))
    }

    @Test func shorterMetadataStayInPlace() async throws {
        let folder = try ScratchFolder()
        let (path, source) = try await model(folder)
        let before = try #require(try FileStatus(path))
        let outcome = try SafetensorsMetadataEditor.edit(path) { metadata in
            metadata.remove("note")
            metadata.set("n", .uint32(7))
        }
        let after = try #require(try FileStatus(path))
        #expect(outcome == .inPlace)
        #expect(before.inode == after.inode && before.byteCount == after.byteCount)
        let metadata = try SafetensorsSource(path: path).metadata
        #expect(metadata["n"] == .uint32(7) && metadata["note"] == nil && metadata["format"] == .string("pt"))
        try expectPayload(path, source)
    }

    @Test func longerMetadataRewriteTheFile() async throws {
        let folder = try ScratchFolder()
        let (path, source) = try await model(folder)
        let before = try #require(try FileStatus(path))
        let long = String(repeating: "x", count: 10_001)
        #expect(try SafetensorsMetadataEditor.edit(path) { $0.set("long", .string(long)) } == .rewritten)
        #expect(try #require(try FileStatus(path)).inode != before.inode)
        #expect(try SafetensorsSource(path: path).metadata["long"] == .string(long))
        try expectPayload(path, source)
        #expect(try SafetensorsMetadataEditor.edit(path) { $0.remove("long") } == .rewritten, "the change does not fit into a block")
        #expect(try #require(try FileStatus(path)).byteCount == before.byteCount)
        try expectPayload(path, source)
        #expect(try folder.names() == ["m.safetensors"])
    }

    @Test func failureKeepsTheFile() async throws {
        let folder = try ScratchFolder()
        let (path, _) = try await model(folder)
        let before = try contents(path)
        for (call, code) in [(SystemCalls.Call.write, ENOSPC), (.sync, EIO), (.rename, EIO)] {
            SystemCalls.$faults.withValue(FailingCall(call, code)) {
                #expect(throws: QAMError.self) {
                    try SafetensorsMetadataEditor.edit(path) { $0.set("long", .string(String(repeating: "x", count: 10_001))) }
                }
            }
        }
        struct Refused: Error {}
        #expect(throws: Refused.self) { try SafetensorsMetadataEditor.edit(path) { _ in throw Refused() } }
        #expect(try contents(path) == before)
        #expect(try folder.names() == ["m.safetensors"])
    }

    @Test func foreignFilesAreNotTouched() throws {
        let folder = try ScratchFolder()
        let path = try folder.write("version https://git-lfs.github.com/spec/v1\n", "m.safetensors")
        #expect { try SafetensorsMetadataEditor.edit(path) { _ in } } throws: { ($0 as? QAMError)?.message.contains("git lfs pull") == true }
        #expect(throws: QAMError.self) { try SafetensorsMetadataEditor.edit(folder.path("absent")) { _ in } }
        #expect(try folder.names() == ["m.safetensors"])
    }
}
