import Converters
import QAMFormat
import Testing

@Suite struct GGUFSplitTests {
    private static func model() -> MemorySource {
        var source = MemorySource()
        source.metadata.set("general.architecture", .string("llama"))
        source.metadata.set("general.alignment", .uint32(64))
        for (name, count) in [("a", 250), ("b", 250), ("c", 10), ("d", 2000), ("e", 1), ("f", 0)] { source.add(name, [count], .f32) }
        return source
    }

    private func write(_ source: any TensorSource, _ destination: GGUFDestination, maxShardSize: Int?) async throws -> GGUFSink {
        let sink = GGUFSink(output: destination, maxShardSize: maxShardSize, replacing: true)
        _ = try await transfer(from: source, to: sink, threads: 2)
        return sink
    }

    @Test func shardsAreFilledInOrder() async throws {
        let folder = try ScratchFolder()
        let sink = try await write(Self.model(), .file(folder.path("m.gguf")), maxShardSize: 2200)
        let names = (1...3).map { "m-0000\($0)-of-00003.gguf" }
        #expect(try folder.names() == names)
        // The first file comes last, because the others are found by it.
        #expect(sink.outputs.map(Path.name(of:)) == [names[1], names[2], names[0]])
        let shards = try names.map { try GGUFSource(path: folder.path($0)) }
        #expect(shards.map { $0.tensors.map(\.name) } == [["a", "b", "c"], ["d"], ["e", "f"]])
        for (number, shard) in shards.enumerated() {
            #expect(shard.metadata["split.no"] == .uint16(UInt16(number)))
            #expect(shard.metadata["split.count"] == .uint16(3))
            #expect(shard.metadata["split.tensors.count"] == .int32(6))
            #expect((shard.metadata["general.architecture"] != nil) == (number == 0))
            #expect(shard.header.alignment == 64 && shard.warnings.isEmpty)
        }
        let back = try GGUFModel(path: folder.path(names[0]))
        try expectEqual(back, Self.model())
        #expect(back.inputs.count == 3 && back.warnings.isEmpty)
    }

    @Test func aSetIsJoinedAndSplitAnew() async throws {
        let folder = try ScratchFolder()
        _ = try await write(Self.model(), .file(folder.path("whole.gguf")), maxShardSize: nil)
        _ = try await write(Self.model(), .file(folder.path("m.gguf")), maxShardSize: 1)
        let set = try GGUFModel(path: folder.path("m-00001-of-00006.gguf"))
        _ = try await write(set, .file(folder.path("joined.gguf")), maxShardSize: nil)
        #expect(try contents(folder.path("joined.gguf")) == contents(folder.path("whole.gguf")))
        // A model that fits into one file gets a plain file name and no split keys.
        let sink = try await write(set, .file(folder.path("one.gguf")), maxShardSize: 1 << 20)
        #expect(sink.outputs == [folder.path("one.gguf")])
        #expect(try contents(folder.path("one.gguf")) == contents(folder.path("whole.gguf")))
    }

    @Test func foldersKeepSideFiles() async throws {
        let folder = try ScratchFolder()
        var source = Self.model()
        source.files = [MemoryFile(name: "config.json", bytes: Array("{}".utf8))]
        _ = try await write(source, .folder(folder.path("one")), maxShardSize: nil)
        #expect(try folder.names(in: folder.path("one")) == ["config.json", "model.gguf"])
        try expectEqual(GGUFModel(path: folder.path("one")), source)
        #expect(try GGUFModel(path: folder.path("one"), takingFiles: false).files.isEmpty)
        _ = try await write(source, .folder(folder.path("set")), maxShardSize: 2200)
        #expect(try folder.names(in: folder.path("set")).contains("model-00003-of-00003.gguf"))
        try expectEqual(GGUFModel(path: folder.path("set")), source)
        // A single whole file would have precedence over the set.
        await #expect(throws: QAMError.self) { _ = try await write(source, .folder(folder.path("one")), maxShardSize: 2200) }
        let file = try await write(source, .file(folder.path("m.gguf")), maxShardSize: nil)
        #expect(file.warnings.count == 1 && file.warnings[0].contains("config.json"))
        #expect(throws: QAMError.self) { try GGUFModel(path: folder.path) }
    }

    /// A set of two files; the change is made to the second.
    private func expectRefused(
        _ what: String, named names: [String] = ["m-00001-of-00002.gguf", "m-00002-of-00002.gguf"], opening opened: Int = 0,
        _ change: (inout GGUFBytes) -> Void = { _ in }
    ) throws {
        let folder = try ScratchFolder()
        for number in 0..<names.count {
            var file = GGUFBytes()
            file.add("split.no", u16: UInt16(number))
            file.add("split.count", u16: 2)
            file.add("split.tensors.count", u32: 2)
            file.tensors = [.init(name: number == 0 ? "a" : "b")]
            file.data = [UInt8](repeating: 0, count: 32)
            if number == 1 { change(&file) }
            try folder.write(file.bytes, names[number])
        }
        #expect { try GGUFModel(path: folder.path(names[opened])) } throws: { error in
            guard let error = error as? QAMError, error.place.file != nil else { return false }
            #expect(error.message.contains(what), "\(error)")
            return error.code == .malformed
        }
    }

    @Test func setsMustBeWholeAndConsistent() throws {
        try expectRefused("1 of 2 files of the set are missing: m-00002-of-00002.gguf", named: ["m-00001-of-00002.gguf", "n-00002-of-00002.gguf"])
        try expectRefused("name the first one", opening: 1)
        try expectRefused("must end in -00001-of-00002.gguf", named: ["m.gguf", "m-00002-of-00002.gguf"])
        try expectRefused("must end in -00001-of-00002.gguf", named: ["-00001-of-00002.gguf", "-00002-of-00002.gguf"])
        try expectRefused("\"split.no\" says 1") { $0.pairs[0].value = $0.integer(UInt16(0)) }
        try expectRefused("not below") { $0.pairs[0].value = $0.integer(UInt16(2)) }
        try expectRefused("is not a valid number") { file in
            file.pairs[0].type = 8
            file.pairs[0].value = file.string("1")
        }
        try expectRefused("says that the set has 2 files, this one 3") { $0.pairs[1].value = $0.integer(UInt16(3)) }
        try expectRefused("this one 1") { $0.pairs = [] }
        try expectRefused("differ in \"split.tensors.count\"") { $0.pairs[2].value = $0.integer(UInt32(3)) }
        try expectRefused("holds it too") { $0.tensors[0].name = "a" }
        try expectRefused("is 2, but the files hold 1 tensors") { file in
            file.tensors = []
            file.data = []
        }
    }

    @Test func differencesInMetadataAreTold() throws {
        let folder = try ScratchFolder()
        for number in 0..<2 {
            var file = GGUFBytes()
            file.add("split.no", u16: UInt16(number))
            file.add("split.count", u16: 2)
            file.add("same", u32: 1)
            file.add("other", u32: UInt32(number))
            if number == 1 { file.add("late", u32: 5) }
            try folder.write(file.bytes, "m-0000\(number + 1)-of-00002.gguf")
        }
        let model = try GGUFModel(path: folder.path("m-00001-of-00002.gguf"))
        #expect(model.metadata.entries.map(\.key) == ["same", "other", "late"])
        #expect(model.metadata["other"] == .uint32(0))
        #expect(model.warnings.count == 1 && model.warnings[0].contains("\"other\""))
    }
}
