import Converters
import QAMFormat
import Testing

/// Files are read back bit for bit as written.
@Suite struct SafetensorsRoundTripTests {
    private func write(
        _ source: any TensorSource, to destination: SafetensorsDestination, maxShardSize: Int? = nil, replacing: Bool = false, threads: Int = 2
    ) async throws -> (sink: SafetensorsSink, report: TransferReport) {
        let sink = SafetensorsSink(output: destination, maxShardSize: maxShardSize, replacing: replacing)
        return (sink, try await transfer(from: source, to: sink, threads: threads))
    }

    private func order(_ source: any TensorSource) -> [String: TensorDescriptor] {
        Dictionary(uniqueKeysWithValues: source.tensors.map { ($0.name, $0) })
    }

    @Test func allTypesWithAnyBits() async throws {
        let folder = try ScratchFolder()
        var source = MemorySource()
        for dtype in DType.safetensors { source.add("t.\(dtype.name)", [3, 4], dtype) }
        source.add("scalar", [], .f64)
        source.add("empty", [7, 0], .f16)
        source.add("emoji 😀 \"\\\n/../x", [5], .u8)
        let (sink, report) = try await write(source, to: .file(folder.path("m.safetensors")))
        #expect(sink.warnings.isEmpty)
        #expect(sink.outputs == [folder.path("m.safetensors")])
        #expect(try folder.names() == ["m.safetensors"])

        let back = try SafetensorsSource(path: sink.outputs[0])
        #expect(order(back) == order(source))
        for (index, tensor) in source.tensors.enumerated() {
            let other = try #require(back.tensors.firstIndex { $0.name == tensor.name })
            #expect(try payload(back, other) == payload(source, index), "\(tensor.name)")
        }
        let bytes = try contents(sink.outputs[0])
        #expect(report.bytes == bytes.count)
        #expect(report.bytes == (try SafetensorsSink.plannedByteCount(of: source, to: .file("x"))))
    }

    @Test func payloadsAreAlignedAndOtherwiseInOrder() async throws {
        let folder = try ScratchFolder()
        var source = MemorySource()
        source.add("a", [3], .u8)
        source.add("b", [3], .bf16)
        source.add("c", [1], .f64)
        source.add("d", [3], .f16)
        source.add("e", [4], .f6e2m3)
        source.add("f", [1], .i64)
        source.add("g", [3], .f32)
        let (sink, _) = try await write(source, to: .file(folder.path("m.safetensors")))
        let back = try SafetensorsSource(path: sink.outputs[0])
        #expect(back.tensors.map(\.name) == ["c", "f", "g", "b", "d", "a", "e"])
        for (tensor, range) in zip(back.tensors, back.ranges) {
            let dtype = try #require(tensor.rawType)
            if dtype.blockElements == 1 { #expect(range.lowerBound % dtype.blockBytes == 0) }
        }
        #expect(back.ranges[0].lowerBound % 8 == 0)
    }

    @Test func sameBytesOnAnyNumberOfThreads() async throws {
        let folder = try ScratchFolder()
        var source = MemorySource()
        source.add("big", [3 << 20], .bf16)
        for index in 0..<20 { source.add("t\(index)", [100, 10], index % 2 == 0 ? .f32 : .bf16) }
        _ = try await write(source, to: .file(folder.path("1")), threads: 1)
        _ = try await write(source, to: .file(folder.path("4")), threads: 4)
        #expect(try contents(folder.path("1")) == contents(folder.path("4")))
    }

    @Test func metadataKeepTypesAndOrder() async throws {
        let folder = try ScratchFolder()
        var source = MemorySource()
        source.metadata.set("format", .string("pt"))
        source.metadata.set("z", .uint32(7))
        source.metadata.set("a", .array(.string(["x", "y\n"])))
        source.metadata.set("f", .float32(0.1))
        source.metadata.set("s", .string(""))
        let (sink, _) = try await write(source, to: .file(folder.path("m")))
        let back = try SafetensorsSource(path: sink.outputs[0])
        #expect(back.metadata == source.metadata)
        #expect(back.metadata.entries.map(\.key) == ["format", "z", "a", "f", "s"])

        source.metadata.set("qamw.types", .string("{}"))
        await #expect(throws: QAMError.self) { try await write(source, to: .file(folder.path("n"))) }
    }

    @Test func aliasesBecomeCopies() async throws {
        let folder = try ScratchFolder()
        var source = MemorySource()
        source.addAliasTarget()
        let (sink, _) = try await write(source, to: .file(folder.path("m")))
        let back = try SafetensorsSource(path: sink.outputs[0])
        #expect(back.tensors.map(\.name) == ["head", "embed", "small"])
        #expect(try payload(back, 0) == payload(back, 1))
        #expect(try payload(back, 1) == payload(source, 1))
    }

    @Test func shardsAreCutAsHuggingFaceDoes() async throws {
        let folder = try ScratchFolder()
        var source = MemorySource()
        for (index, size) in [40, 40, 300, 30, 40, 100, 1].enumerated() { source.add("t\(index)", [size], .u8) }
        source.metadata.set("format", .string("pt"))
        source.files = [MemoryFile(name: "config.json", bytes: Array("{}".utf8)), MemoryFile(name: "tokenizer.json", bytes: noise(3 << 20, seed: 1))]
        let out = folder.path("out")
        let (sink, report) = try await write(source, to: .folder(out), maxShardSize: 100)
        let names = (1...5).map { "model-0000\($0)-of-00005.safetensors" }
        #expect(sink.outputs.map(Path.name(of:)) == ["config.json", "tokenizer.json"] + names + ["model.safetensors.index.json"])
        #expect(try Folder.names(in: out) == (["config.json", "tokenizer.json", "model.safetensors.index.json"] + names).sorted())
        #expect(
            try contents(out + "/model.safetensors.index.json")
                == Array(
                    """
                    {
                      "metadata": {
                        "total_size": 551
                      },
                      "weight_map": {
                        "t0": "model-00002-of-00005.safetensors",
                        "t1": "model-00002-of-00005.safetensors",
                        "t2": "model-00001-of-00005.safetensors",
                        "t3": "model-00003-of-00005.safetensors",
                        "t4": "model-00003-of-00005.safetensors",
                        "t5": "model-00004-of-00005.safetensors",
                        "t6": "model-00005-of-00005.safetensors"
                      }
                    }

                    """.utf8))
        let total = try sink.outputs.reduce(0) { try $0 + contents($1).count }
        #expect(report.bytes == total)
        #expect(total == (try SafetensorsSink.plannedByteCount(of: source, to: .folder(out), maxShardSize: 100)))

        let back = try HuggingFaceFolder(path: out)
        #expect(back.warnings.isEmpty)
        #expect(back.metadata == source.metadata)
        #expect(back.tensors.map(\.name) == ["t2", "t0", "t1", "t3", "t4", "t5", "t6"])
        #expect(back.files.map(\.name) == ["config.json", "tokenizer.json"])
        #expect(try back.files[1].read(0..<(3 << 20)) == noise(3 << 20, seed: 1))
        for (index, tensor) in back.tensors.enumerated() {
            let original = try #require(source.tensors.firstIndex { $0.name == tensor.name })
            #expect(try payload(back, index) == payload(source, original))
        }
    }

    @Test func aFileTakesNoShards() async throws {
        let folder = try ScratchFolder()
        var source = MemorySource()
        source.add("a", [100], .u8)
        source.add("b", [100], .u8)
        source.files = [MemoryFile(name: "config.json", bytes: [])]
        await #expect { try await write(source, to: .file(folder.path("m")), maxShardSize: 100) } throws: { ($0 as? QAMError)?.code == .invalidArgument }
        #expect(try folder.names().isEmpty)
        let (sink, _) = try await write(source, to: .file(folder.path("m")))
        #expect(sink.warnings.count == 1 && sink.warnings[0].contains("config.json"))
    }

    @Test func whatSafetensorsCannotHoldIsRefused() async throws {
        let folder = try ScratchFolder()
        var foreign = MemorySource()
        foreign.add("q", [32], try #require(DType.withID(64 + 8)))
        var coded = MemorySource()
        coded.addCoded("c", [2, 4], .init(codec: .qamPairs, sourceType: .f32, codebook: nil, seed: nil, parameters: [], streams: []))
        var twins = MemorySource()
        twins.add("t", [1], .u8)
        twins.add("t", [1], .u8)
        var reserved = MemorySource()
        reserved.add("__metadata__", [1], .u8)
        for source in [foreign, coded, twins, reserved] {
            await #expect { try await write(source, to: .file(folder.path("m"))) } throws: { ($0 as? QAMError)?.code == .unsupported }
        }
        var hostile = MemorySource()
        hostile.files = ["../evil", "model.safetensors", "", "a\u{1}"].map { MemoryFile(name: $0, bytes: [1]) }
        let (sink, _) = try await write(hostile, to: .folder(folder.path("f")))
        #expect(sink.warnings.count == hostile.files.count)
        #expect(try folder.names(in: folder.path("f")) == ["model.safetensors"])
    }

    @Test func realModel() async throws {
        let package = Path.folder(of: Path.folder(of: Path.folder(of: #filePath)))
        let source = try HuggingFaceFolder(path: Path.join(package, "testdata/wikilm-tiny"))
        #expect(source.files.map(\.name).contains("config.json"))
        let folder = try ScratchFolder()
        let (sink, _) = try await write(source, to: .folder(folder.path("out")), maxShardSize: 300_000)
        #expect(sink.outputs.count > 4)
        let back = try HuggingFaceFolder(path: folder.path("out"))
        #expect(order(back) == order(source))
        for (index, tensor) in back.tensors.enumerated() {
            let original = try #require(source.tensors.firstIndex { $0.name == tensor.name })
            #expect(try payload(back, index) == payload(source, original))
        }
    }
}

extension MemorySource {
    /// A tied pair with the alias before its target, and a small tensor.
    mutating func addAliasTarget() {
        addAlias("head", of: 1, shape: [3 << 10, 1 << 10])
        add("embed", [3 << 10, 1 << 10], .bf16)
        add("small", [3], .u8)
    }
}
