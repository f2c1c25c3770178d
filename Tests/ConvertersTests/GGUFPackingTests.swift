import Converters
import QAMFormat
import Testing

/// A .qamw model with coded tensors, packed into GGUF and unpacked.
@Suite struct GGUFPackingTests {
    /// Types, shapes and names that GGUF cannot represent.
    private static func model() -> MemorySource {
        var source = MemorySource()
        let long = "model.layers." + String(repeating: "x", count: 60)
        source.metadata.set("answer", .uint8(42))
        source.shared = SharedTables(codebooks: [CodebookRecord(codec: CodecID(rawValue: 12), bytes: noise(700, seed: 1))], seeds: [1, .max])
        func coding(_ streams: [StreamLayout]) -> Coding {
            Coding(codec: CodecID(rawValue: 12), sourceType: .bf16, codebook: 0, seed: 1, parameters: [1, 2], streams: streams)
        }
        let streams = [
            StreamLayout(role: .symbols, extent: .perRow(24)), StreamLayout(role: .gains, extent: .perRow(2)),
            StreamLayout(role: .channelScales, extent: .whole(128)),
        ]
        source.addCoded("short.weight", [300, 64], coding(streams))
        source.addCoded(long + ".weight", [300, 64], coding(streams))
        source.addCoded("experts.weight", [3, 2, 5, 1, 64], coding(streams))
        source.addAlias("tied", of: 1)
        for dtype in DType.safetensors { source.add("type.\(dtype.name)", [3, 12], dtype) }
        source.add("five", [1, 2, 3, 4, 5], .f32)
        source.add(long + ".bias", [7], .f32)
        // A whole number of blocks in total, but not per row.
        source.add("blocks", [64, 16], DType.ggml[4])
        source.add("rows", [2, 64], DType.ggml[4])
        source.add("scalar", [], .u8)
        let file = String(repeating: "f", count: 80) + ".json"
        source.files = [MemoryFile(name: "config.json", bytes: Array("{}".utf8)), MemoryFile(name: file, bytes: noise(99, seed: 3))]
        return source
    }

    @Test(arguments: [nil, 5000]) func throughGGUF(maxShardSize: Int?) async throws {
        let folder = try ScratchFolder()
        let packed = try PackingSource(wrapping: Self.model(), carryingFiles: true, host: .gguf)
        let sink = GGUFSink(output: .file(folder.path("m.gguf")), maxShardSize: maxShardSize)
        _ = try await transfer(from: packed, to: sink, threads: 2)
        #expect(sink.warnings.isEmpty)
        let back = try GGUFModel(path: try #require(sink.outputs.last))
        #expect(back.tensors.allSatisfy { $0.name.utf8.count < 64 && $0.shape.count <= 4 })
        try expectEqual(UnpackingSource(wrapping: back), Self.model())
    }

    @Test func containerToGGUFAndBackIsByteIdentical() async throws {
        let folder = try ScratchFolder()
        _ = try await transfer(from: Self.model(), to: QAMWriter(path: folder.path("1.qamw")), threads: 2)
        let reader = try QAMReader(path: folder.path("1.qamw"))
        let packed = try PackingSource(wrapping: reader, options: reader.options.packed, carryingFiles: true, host: .gguf)
        _ = try await transfer(from: packed, to: GGUFSink(output: .file(folder.path("m.gguf"))), threads: 2)
        let unpacked = try UnpackingSource(wrapping: GGUFModel(path: folder.path("m.gguf")))
        let options = try ContainerOptions(packed: unpacked.options)
        _ = try await transfer(from: unpacked, to: QAMWriter(path: folder.path("2.qamw"), options: options), threads: 2)
        #expect(try contents(folder.path("1.qamw")) == contents(folder.path("2.qamw")))
    }

    @Test func carriersTakeTheFormThatFits() throws {
        let packed = try PackingSource(wrapping: Self.model(), carryingFiles: true, host: .gguf)
        let shapes = Dictionary(uniqueKeysWithValues: packed.tensors.map { ($0.name, $0) })
        func expect(_ name: String, _ shape: [Int], _ dtype: DType) {
            #expect(shapes[name] == TensorDescriptor(name: name, shape: shape, storage: .raw(dtype)), "\(name)")
        }
        expect("short.weight.qamw.symbols", [300, 24], .i8)
        expect("short.weight.qamw.gains", [300], .f16)
        expect("short.weight.qamw.channel_scales", [64], .f16)
        expect("qamw.tensors.1.symbols", [300, 24], .i8)
        expect("qamw.tensors.1.gains", [300], .f16)
        expect("qamw.tensors.1.channel_scales", [64], .f16)
        expect("qamw.codebooks.0", [700], .i8)
        expect("qamw.seeds", [2], .i64)
        expect("type.BOOL", [3, 12], .i8)
        expect("type.F8_E4M3", [3, 12], .i8)
        expect("type.U16", [3, 12], .i16)
        expect("type.U32", [3, 12], .i32)
        expect("type.C64", [3, 12], .i64)
        expect("type.F4", [18], .i8)
        expect("type.F6_E2M3", [27], .i8)
        expect("type.BF16", [3, 12], .bf16)
        expect("five", [480], .i8)
        expect("blocks", [1088], .i8)
        expect("rows", [2, 64], DType.ggml[4])
        expect("scalar", [], .i8)
        expect("qamw.files.config.json", [2], .i8)
        expect("qamw.embedded.1", [99], .i8)
        let index = try #require(Self.model().tensors.firstIndex { $0.name.hasSuffix("x.bias") })
        expect("qamw.tensors.\(index)", [7], .f32)
    }

    @Test func namesThatPackingNeedsAreRefused() throws {
        for name in ["qamw.tensors.1.symbols", "qamw.embedded.1"] {
            var source = Self.model()
            source.add(name, [1], .i8)
            #expect { try PackingSource(wrapping: source, carryingFiles: true, host: .gguf) } throws: { ($0 as? QAMError)?.code == .unsupported }
        }
        // A carrier present under both of its names is an error.
        let packed = try PackingSource(wrapping: Self.model(), host: .gguf)
        var source = MemorySource()
        source.metadata = packed.metadata
        source.tensors = packed.tensors
        source.payloads = try packed.tensors.indices.map { try payload(packed, $0) }
        source.add("qamw.tensors.0.gains", [300], .f16)
        #expect { try UnpackingSource(wrapping: source) } throws: { ($0 as? QAMError)?.code == .malformed }
    }
}
