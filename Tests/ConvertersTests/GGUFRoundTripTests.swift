import Converters
import QAMFormat
import Testing

@Suite struct GGUFRoundTripTests {
    /// Tensors of all types of GGUF, unusual shapes, an alias, and metadata of many types.
    static func model() -> MemorySource {
        var source = MemorySource()
        source.metadata.set("general.architecture", .string("llama"))
        source.metadata.set("numbers", .array(.float32([1, .infinity, -0.0])))
        source.metadata.set("empty", .array(.string([])))
        source.metadata.set("tokens", .array(.string(["<s>", "", "名\0", "\u{301}"])))
        source.metadata.set("truths", .array(.bool([true, false])))
        source.metadata.set("count", .uint64(.max))
        for (number, dtype) in ([.i8, .i16, .i32, .i64, .f16, .bf16, .f32, .f64] + DType.ggml).enumerated() {
            source.add("type.\(dtype.name)", [2, 1 + number % 3, 3 * dtype.blockElements], dtype)
        }
        source.add("scalar", [], .f32)
        source.add("none", [0, 3], .f16)
        source.add("four", [2, 3, 1, 5], .i8)
        source.addAlias("tied", of: source.tensors.count - 1)
        source.add("large", [3001, 1000], .bf16)
        return source
    }

    /// The source as GGUF represents it: an alias becomes a tensor of its own.
    private static func expected(_ source: MemorySource) -> MemorySource {
        var result = source
        for (index, tensor) in source.tensors.enumerated() {
            guard case .alias(let target) = tensor.storage else { continue }
            result.tensors[index].storage = source.tensors[target].storage
            result.payloads[index] = source.payloads[target]
        }
        return result
    }

    private func write(_ source: any TensorSource, _ path: String, alignment: Int? = nil, maxShardSize: Int? = nil, threads: Int = 2) async throws {
        _ = try await transfer(
            from: source, to: GGUFSink(output: .file(path), alignment: alignment, maxShardSize: maxShardSize, replacing: true), threads: threads)
    }

    @Test func whatIsWrittenIsRead() async throws {
        let folder = try ScratchFolder()
        let source = Self.model()
        try await write(source, folder.path("m.gguf"))
        let back = try GGUFSource(path: folder.path("m.gguf"))
        try expectEqual(back, Self.expected(source))
        #expect(back.warnings.isEmpty && back.header.version == 3 && !back.header.isBigEndian)
        #expect(back.metadata.entries.map(\.key) == source.metadata.entries.map(\.key))
        #expect(try contents(folder.path("m.gguf")).count % 32 == 0)
        #expect(try GGUFSink.plannedByteCount(of: source, to: .file("m.gguf")) == contents(folder.path("m.gguf")).count)
    }

    @Test func theSameSourceGivesTheSameBytes() async throws {
        let folder = try ScratchFolder()
        try await write(Self.model(), folder.path("1.gguf"), threads: 1)
        try await write(Self.model(), folder.path("2.gguf"), threads: 8)
        #expect(try contents(folder.path("1.gguf")) == contents(folder.path("2.gguf")))
        try await write(GGUFSource(path: folder.path("1.gguf")), folder.path("3.gguf"))
        #expect(try contents(folder.path("1.gguf")) == contents(folder.path("3.gguf")))
    }

    @Test func throughQAMWNothingChanges() async throws {
        let folder = try ScratchFolder()
        try await write(Self.model(), folder.path("1.gguf"), alignment: 128)
        let first = try GGUFSource(path: folder.path("1.gguf"))
        _ = try await transfer(from: AliasingSource(wrapping: first), to: QAMWriter(path: folder.path("m.qamw")), threads: 2)
        try await write(QAMReader(path: folder.path("m.qamw")), folder.path("2.gguf"))
        #expect(try contents(folder.path("1.gguf")) == contents(folder.path("2.gguf")))
    }

    @Test(arguments: [1, 8, 32, 64, 4096]) func everyAlignment(alignment: Int) async throws {
        let folder = try ScratchFolder()
        let source = Self.model()
        try await write(source, folder.path("m.gguf"), alignment: alignment)
        let back = try GGUFSource(path: folder.path("m.gguf"))
        #expect(back.header.alignment == alignment && back.warnings.isEmpty)
        for tensor in back.tensors.indices {
            #expect(back.range(of: tensor).lowerBound % alignment == 0)
            #expect(try payload(back, tensor) == payload(Self.expected(source), tensor))
        }
        // It is kept from then on, unless something else is requested.
        try await write(back, folder.path("again.gguf"))
        #expect(try GGUFSource(path: folder.path("again.gguf")).header.alignment == alignment)
        try await write(back, folder.path("again.gguf"), alignment: 32)
        #expect(try GGUFSource(path: folder.path("again.gguf")).metadata == source.metadata)
    }

    @Test func theSmallestFiles() async throws {
        let folder = try ScratchFolder()
        try await write(MemorySource(), folder.path("nothing.gguf"))
        #expect(try contents(folder.path("nothing.gguf")).count == 24)
        try expectEqual(GGUFSource(path: folder.path("nothing.gguf")), MemorySource())
        var source = MemorySource()
        source.add("none", [0], .f32)
        try await write(source, folder.path("none.gguf"))
        #expect(try contents(folder.path("none.gguf")).count % 32 == 0)
        try expectEqual(GGUFSource(path: folder.path("none.gguf")), source)
    }

    @Test func whatGGUFCannotHoldIsRefused() async throws {
        let folder = try ScratchFolder()
        func expectUnsupported(_ change: (inout MemorySource) -> Void) async throws {
            var source = MemorySource()
            change(&source)
            await #expect { try await write(source, folder.path("m.gguf")) } throws: { ($0 as? QAMError)?.code == .unsupported }
        }
        for dtype in DType.safetensors where ![.i8, .i16, .i32, .i64, .f16, .bf16, .f32, .f64].contains(dtype) {
            try await expectUnsupported { $0.add("t", [12], dtype) }
        }
        try await expectUnsupported { $0.add("t", [1, 1, 1, 1, 1], .f32) }
        try await expectUnsupported { $0.add("a\0b", [1], .f32) }
        try await expectUnsupported { $0.add("t", [8, 16], DType.ggml[4]) }
        try await expectUnsupported {
            $0.add("t", [1], .f32)
            $0.add("t", [1], .f32)
        }
        try await expectUnsupported { $0.metadata.set("", .uint8(1)) }
        try await expectUnsupported { $0.metadata.set("general.alignment", .uint32(13)) }
        try await expectUnsupported { source in
            let coding = Coding(codec: CodecID(rawValue: 9), sourceType: .f32, codebook: nil, seed: nil, parameters: [], streams: [])
            source.addCoded("t", [2, 2], coding)
        }
        #expect(try folder.names().isEmpty)
        var long = MemorySource()
        long.add(String(repeating: "n", count: 64), [1], .f32)
        let sink = GGUFSink(output: .file(folder.path("long.gguf")))
        _ = try await transfer(from: long, to: sink, threads: 1)
        #expect(sink.warnings.count == 1)
    }

    @Test func anInputIsNeverReplaced() async throws {
        let folder = try ScratchFolder()
        try await write(Self.model(), folder.path("m.gguf"))
        let source = try GGUFSource(path: folder.path("m.gguf"))
        await #expect { try await write(source, folder.path("m.gguf")) } throws: { ($0 as? QAMError)?.code == .cannotCreate }
        #expect(try folder.names() == ["m.gguf"])
    }

    @Test func aFailureLeavesNothingBehind() async throws {
        let folder = try ScratchFolder()
        let error = QAMError(.interrupted, "stop")
        await #expect(throws: error) {
            try await transfer(from: Self.model(), to: GGUFSink(output: .file(folder.path("m.gguf")), maxShardSize: 1000), threads: 2) {
                if $0.doneBytes > 100_000 { throw error }
            }
        }
        #expect(try folder.names().isEmpty)
    }

    @Test func anInterruptedRunIsResumed() async throws {
        let folder = try ScratchFolder()
        try await write(Self.model(), folder.path("whole.gguf"))
        let error = QAMError(.interrupted, "stop")
        await #expect(throws: error) {
            try await transfer(from: Self.model(), to: GGUFSink(output: .file(folder.path("m.gguf"))), threads: 2, keepingPartial: true) {
                if $0.doneBytes > 100_000 { throw error }
            }
        }
        #expect(try folder.names() == ["m.gguf.partial", "m.gguf.partial.journal", "whole.gguf"])
        _ = try await transfer(from: Self.model(), to: GGUFSink(output: .file(folder.path("m.gguf")), resuming: true), threads: 2)
        #expect(try contents(folder.path("m.gguf")) == contents(folder.path("whole.gguf")))
        // A file of another program under that name is left alone.
        let theirs = try folder.write([UInt8](repeating: 0xFF, count: 1000), "n.gguf.partial")
        await #expect { try await transfer(from: Self.model(), to: GGUFSink(output: .file(folder.path("n.gguf")), resuming: true), threads: 2) } throws: {
            ($0 as? QAMError)?.code == .cannotCreate
        }
        #expect(try contents(theirs) == [UInt8](repeating: 0xFF, count: 1000))
    }
}
