import Architectures
import Converters
import QAMFormat
import Testing

/// Packing and unpacking a model gives the identical model.
@Suite struct PackingTests {
    /// An unknown codec, so that the bytes are not interpreted.
    private static let codec = CodecID(rawValue: 12)

    /// Coded tensors with meaningless bytes: packing does not depend on the codec.
    static func model() -> MemorySource {
        var source = MemorySource()
        source.metadata.set("general.name", .string("x"))
        source.metadata.set("count", .uint32(3))
        source.metadata.set("merges", .array(.string(["a b", "c d"])))
        source.shared = SharedTables(
            codebooks: [.init(codec: codec, bytes: noise(700, seed: 5)), .init(codec: CodecID(rawValue: 77), bytes: [])],
            seeds: [0, .max, 42])
        source.addAlias("head.weight", of: 2, shape: [300, 64])
        source.add("norm.weight", [64], .bf16)
        source.addCoded("embed.weight", [300, 64], coding(columns: 64, row: 24, gain: 2, scales: true))
        source.addCoded("experts.weight", [4, 50, 128], coding(columns: 128, row: 44, gain: 4, scales: false))
        source.addCoded(
            "odd.weight", [7, 30],
            .init(
                codec: CodecID(rawValue: 9), sourceType: .f64, codebook: nil, seed: nil, parameters: Array(0...254),
                streams: [
                    .init(role: StreamRole(rawValue: 200), extent: .perRow(5)), .init(role: .gains, extent: .perRow(3)),
                    .init(role: .channelScales, extent: .whole(11)), .init(role: .symbols, extent: .perRow(0)),
                ]))
        source.addCoded("empty.weight", [0, 64], coding(columns: 64, row: 24, gain: 2, scales: true))
        source.add("mask", [3, 4], .f6e2m3)
        // Rows that are coded in groups, the last of which has fewer.
        source.addCoded(
            "grouped.weight", [37, 30],
            .init(
                codec: CodecID(rawValue: 9), sourceType: .f32, codebook: nil, seed: nil, parameters: [],
                streams: [.init(role: .symbols, extent: .perRows(16, bytes: 40)), .init(role: .gains, extent: .perRow(2))]))
        source.addAlias("norm.too", of: 1)
        source.files = [MemoryFile(name: "config.json", bytes: Array("{}".utf8)), MemoryFile(name: "tokenizer.json", bytes: noise(2 << 20, seed: 9))]
        return source
    }

    private static func coding(columns: Int, row: Int, gain: Int, scales: Bool) -> Coding {
        var streams: [StreamLayout] = [.init(role: .symbols, extent: .perRow(row)), .init(role: .gains, extent: .perRow(gain))]
        if scales { streams.append(.init(role: .channelScales, extent: .whole(2 * columns))) }
        return Coding(codec: codec, sourceType: .bf16, codebook: 0, seed: 1, parameters: [1, 2, 0xFF], streams: streams)
    }

    private let options = [("alignment", "4096"), ("note", "\"quoted\"")]

    @Test(arguments: [false, true]) func inMemory(carryingFiles: Bool) throws {
        let source = Self.model()
        let packed = try PackingSource(wrapping: source, options: options, carryingFiles: carryingFiles)
        #expect(UnpackingSource.isPacked(packed) && !UnpackingSource.isPacked(source))
        let unpacked = try UnpackingSource(wrapping: packed)
        try expectEqual(unpacked, source)
        #expect(unpacked.options.map(\.key) == options.map(\.0) && unpacked.options.map(\.value) == options.map(\.1))
        #expect(unpacked.metadata.entries.map(\.key) == source.metadata.entries.map(\.key))
    }

    @Test(arguments: [false, true]) func throughSafetensors(carryingFiles: Bool) async throws {
        let folder = try ScratchFolder()
        let source = Self.model()
        let packed = try PackingSource(wrapping: source, options: options, carryingFiles: carryingFiles)
        _ = try await transfer(from: packed, to: SafetensorsSink(output: .folder(folder.path("out")), maxShardSize: 20_000), threads: 2)
        let back = try HuggingFaceFolder(path: folder.path("out"))
        let unpacked = try UnpackingSource(wrapping: back)
        try expectEqual(unpacked, source)
        // Reading by rows gives the same as reading at once.
        for row in 0..<300 {
            let chunk = try unpacked.read(row..<row + 1, of: 2)
            #expect(chunk.streams == (try source.read(row..<row + 1, of: 2).streams))
        }
    }

    @Test(arguments: [false, true]) func containerToSafetensorsAndBackIsByteIdentical(carryingFiles: Bool) async throws {
        let folder = try ScratchFolder()
        var container = ContainerOptions()
        container.alignment = 256
        _ = try await transfer(from: Self.model(), to: QAMWriter(path: folder.path("1.qamw"), options: container), threads: 2)

        let reader = try QAMReader(path: folder.path("1.qamw"))
        let packed = try PackingSource(wrapping: reader, options: [("alignment", "\(reader.options.alignment)")], carryingFiles: carryingFiles)
        _ = try await transfer(from: packed, to: SafetensorsSink(output: .folder(folder.path("out"))), threads: 2)

        let unpacked = try UnpackingSource(wrapping: try HuggingFaceFolder(path: folder.path("out")))
        var restored = ContainerOptions()
        restored.alignment = try #require(Int(unpacked.options[0].value))
        _ = try await transfer(from: unpacked, to: QAMWriter(path: folder.path("2.qamw"), options: restored), threads: 2)
        #expect(try contents(folder.path("1.qamw")) == contents(folder.path("2.qamw")))
    }

    /// A file whose role differs from the one that its name implies.
    private struct RoledFile: EmbeddedFile {
        var name: String
        var role: EmbeddedFileRole
        var byteCount: Int { 2 }
        func read(_ range: Range<Int>) throws -> [UInt8] { Array(Array("{}".utf8)[range]) }
    }

    @Test(arguments: [false, true]) func rolesOfFilesTravel(carryingFiles: Bool) async throws {
        let folder = try ScratchFolder()
        var source = Self.model()
        source.files = [
            RoledFile(name: "config.json", role: EmbeddedFileRole(rawValue: 0)), RoledFile(name: "notes.txt", role: EmbeddedFileRole(rawValue: 200)),
            RoledFile(name: "tokenizer.json", role: EmbeddedFileRole(ofName: "tokenizer.json")),
        ]
        let roles = source.files.map(\.role)
        #expect(roles[0] != EmbeddedFileRole(ofName: "config.json") && roles[1] != EmbeddedFileRole(ofName: "notes.txt"))
        _ = try await transfer(from: source, to: QAMWriter(path: folder.path("1.qamw")), threads: 2)
        let packed = try PackingSource(wrapping: QAMReader(path: folder.path("1.qamw")), carryingFiles: carryingFiles)
        _ = try await transfer(from: packed, to: SafetensorsSink(output: .folder(folder.path("out"))), threads: 2)
        let unpacked = try UnpackingSource(wrapping: try HuggingFaceFolder(path: folder.path("out")))
        #expect(unpacked.files.map(\.name) == source.files.map(\.name))
        #expect(unpacked.files.map(\.role) == roles)
        _ = try await transfer(from: unpacked, to: QAMWriter(path: folder.path("2.qamw")), threads: 2)
        #expect(try contents(folder.path("1.qamw")) == contents(folder.path("2.qamw")))
    }

    /// transformers finds the method in config.json; unpacking gives its bytes back, wherever another writer puts the member.
    @Test func configurationSaysThatWeightsArePacked() throws {
        func text(_ file: any EmbeddedFile) throws -> String { String(decoding: try file.read(0..<file.byteCount), as: UTF8.self) }
        func packed(_ config: String, host: PackedHost = .safetensors) throws -> PackingSource {
            var source = Self.model()
            source.files = [MemoryFile(name: "config.json", bytes: Array(config.utf8)), MemoryFile(name: "other.json", bytes: Array(config.utf8))]
            return try PackingSource(wrapping: source, host: host)
        }
        let member = #""quantization_config": {"quant_method": "qamw"}, "#
        for (config, expected) in [
            ("{\r\n\t\"a\" : 1.50,\"b\": {\"quantization_config\": 1}}\n", "{\r\n\t\(member)\"a\" : 1.50,\"b\": {\"quantization_config\": 1}}\n"),
            (#"{"a":[]}"#, "{\(member)\"a\":[]}"),
            // Nothing to add to, other quantized weights, no JSON.
            ("{}", "{}"), (#"{"a": 1, "quantization_config": {"quant_method": "fp8"}}"#, #"{"a": 1, "quantization_config": {"quant_method": "fp8"}}"#),
            (#"{"a": 1"#, #"{"a": 1"#),
        ] {
            let source = try packed(config)
            #expect(try text(source.files[0]) == expected)
            #expect(try text(source.files[1]) == config)
            let back = try UnpackingSource(wrapping: source)
            #expect(try back.files.map { try text($0) } == [config, config])
            #expect(try text(packed(config, host: .gguf).files[0]) == config)
        }
        let last = try packed("{\n \"a\": 1,\n \"quantization_config\": {\n  \"quant_method\": \"qamw\"\n }\n}")
        #expect(try text(UnpackingSource(wrapping: last).files[0]) == "{\n \"a\": 1\n}")
    }

    @Test func streamsHaveReadableNamesAndShapes() throws {
        let packed = try PackingSource(wrapping: Self.model(), carryingFiles: true)
        let shapes = Dictionary(uniqueKeysWithValues: packed.tensors.map { ($0.name, $0) })
        func expect(_ name: String, _ shape: [Int], _ dtype: DType) {
            #expect(shapes[name] == TensorDescriptor(name: name, shape: shape, storage: .raw(dtype)))
        }
        expect("embed.weight.qamw.symbols", [300, 24], .u8)
        expect("embed.weight.qamw.gains", [300], .f16)
        expect("embed.weight.qamw.channel_scales", [64], .f16)
        expect("experts.weight.qamw.gains", [200], .f32)
        expect("odd.weight.qamw.stream200", [7, 5], .u8)
        expect("odd.weight.qamw.gains", [7, 3], .u8)
        expect("odd.weight.qamw.channel_scales", [11], .u8)
        expect("qamw.codebooks.0", [700], .u8)
        expect("qamw.codebooks.1", [0], .u8)
        expect("qamw.seeds", [3], .u64)
        expect("qamw.files.config.json", [2], .u8)
        #expect(shapes["head.weight"] == nil)
    }

    @Test func readsByPiecesAreReadsOfTheWhole() throws {
        let packed = try PackingSource(wrapping: Self.model())
        #expect(packed.tensors.count { $0.unitCount > 0 } > 10)
        for tensor in packed.tensors.indices where packed.tensors[tensor].unitCount > 0 {
            let whole = try payload(packed, tensor)[0]
            let granule = packed.granule(of: tensor)
            #expect(granule > 0)
            var pieces: [UInt8] = []
            for start in stride(from: 0, to: whole.count, by: 3 * granule) {
                pieces += try packed.read(start..<min(start + 3 * granule, whole.count), of: tensor).streams[0]
            }
            #expect(pieces == whole, "\(packed.tensors[tensor].name)")
        }
    }

    @Test func clashingNamesAreRefused() throws {
        for name in ["qamw.codebooks.0", "qamw.seeds", "embed.weight.qamw.gains"] {
            var source = Self.model()
            source.add(name, [1], .u8)
            #expect { try PackingSource(wrapping: source) } throws: { ($0 as? QAMError)?.code == .unsupported }
        }
        let packed = try PackingSource(wrapping: Self.model())
        #expect { try PackingSource(wrapping: packed) } throws: { ($0 as? QAMError)?.code == .unsupported }
    }

    /// A packed model with text replaced in its directory.
    private func tampered(_ old: String, _ new: String) throws -> MemorySource {
        let packed = try PackingSource(wrapping: Self.model(), options: options, carryingFiles: true)
        var source = MemorySource()
        source.metadata = packed.metadata
        source.tensors = packed.tensors
        source.payloads = try packed.tensors.indices.map { try payload(packed, $0) }
        let json = try #require(packed.metadata["qamw.directory"]?.text)
        let parts = json.split(separator: old, maxSplits: 1, omittingEmptySubsequences: false)
        try #require(parts.count == 2, "\(old) is not in the directory")
        source.metadata.set("qamw.directory", .string(parts[0] + new + parts[1]))
        return source
    }

    @Test(arguments: [
        (#""name":"norm.weight""#, #""name":"mask""#), (#""name":"norm.weight""#, #""name":"absent""#), (#""alias":"embed.weight""#, #""alias":"norm.too""#),
        (#""alias":"embed.weight""#, #""alias":"nobody""#), (#""alias":"embed.weight""#, #""alias":"head.weight""#),
        (#""alias":"embed.weight""#, #""alias":"norm.weight""#), (#""shape":[300,64]"#, #""shape":[300,-64]"#),
        (#""shape":[300,64],"codec""#, #""shape":[301,64],"codec""#), (#""shape":[64]"#, #""shape":[9223372036854775807,4]"#),
        (#""shape":[300,64],"codec""#, #""shape":[4611686018427387904,1],"codec""#), (#""dtype":15"#, #""dtype":18"#), (#""dtype":15"#, #""dtype":0"#),
        (#""codebook":0"#, #""codebook":2"#), (#""codebook":0"#, #""codebook":-1"#), (#""seed":1"#, #""seed":3"#), (#""seeds":3"#, #""seeds":2"#),
        (#""seeds":3"#, #""seeds":2305843009213693952"#), (#""codebooks":[12,77]"#, #""codebooks":[12,77,12]"#),
        (#""codebooks":[12,77]"#, #""codebooks":[12]"#),
        (#""codebooks":[12,77]"#, #""codebooks":[1,65536]"#), (#""row":24"#, #""row":23"#), (#""row":24"#, #""row":9223372036854775807"#),
        (#""row":24"#, #""whole":24"#), (#""row":24"#, #""row":24,"whole":1"#), (#""role":1"#, #""role":256"#), (#""role":1"#, #""role":7"#),
        (#""parameters":"0102ff""#, #""parameters":"0102f""#), (#""parameters":"0102ff""#, #""parameters":"0102fg""#),
        (#""parameters":"0102ff""#, #""parameters":"0102\u00e9""#), (#""codec":12"#, #""codec":12,"dtype":1"#), (#""codec":12"#, #""codec":12,"codec":12"#),
        (#""files":["config.json""#, #""files":["../config.json""#), (#""files":["config.json","#, #""files":["#),
        (#""files":["config.json""#, #""files":["config.json","config.json""#), (#""options":{"#, #""options":{"note":"1","#),
        (#"{"version":3"#, #"{"version":3,"x":0"#),
        (#""tensors":["#, #""tensors":[{},"#), (#""tensors":["#, #""tensors":[[],"#),
    ])
    func hostileDirectories(_ old: String, _ new: String) throws {
        let source = try tampered(old, new)
        #expect { try UnpackingSource(wrapping: source) } throws: { ($0 as? QAMError)?.code == .malformed }
    }

    @Test func whatAllTensorsClaimIsBounded() throws {
        for shape in ["[1099511627776,1048576]", "[72057594037927937,0]"] {
            let source = try tampered(#""shape":[4,50,128]"#, #""shape":\#(shape)"#)
            #expect { try UnpackingSource(wrapping: source) } throws: { ($0 as? QAMError)?.code == .limitExceeded }
        }
    }

    /// Packed models and .qamw files are validated by the same rules: both readers refuse the same models.
    @Test(arguments: [
        (#""parameters":"02080601""#, #""parameters":"0208060100""#), (#""parameters":"02080601""#, #""parameters":"02090601""#),
        (#""parameters":"02080601""#, #""parameters":"02080701""#), (#""codebooks":[1]"#, #""codebooks":[65535]"#), (#"{"role":1,"row":44},"#, ""),
        (#""seed":0,"#, ""), (#""codebook":0,"#, ""), (#""alignment":"4096""#, #""alignment":"3""#),
        (#""shape":[1,64]"#, #""shape":[1,"# + String(repeating: "1,", count: 254) + "64]"), (#""name":"w""#, #""name":"w\u0000""#),
    ])
    func theCodecsRulesHold(_ old: String, _ new: String) throws {
        var source = MemorySource()
        let codebook = try Codebook.builtIn(Code(.octant, bits: 5.5))
        source.shared = SharedTables(codebooks: [.init(codec: .qamPairs, bytes: codebook.record)], seeds: [42])
        source.addCoded(
            "w", [1, 64],
            Coding(
                codec: .qamPairs, sourceType: .bf16, codebook: 0, seed: 0, parameters: [2, 8, 6, 1],
                streams: [.init(role: .symbols, extent: .perRow(44)), .init(role: .gains, extent: .perRow(2))]))
        let packed = try PackingSource(wrapping: source, options: ContainerOptions().packed)
        #expect(try UnpackingSource(wrapping: packed).warnings.isEmpty)
        var changed = MemorySource()
        changed.metadata = packed.metadata
        changed.tensors = packed.tensors
        changed.payloads = try packed.tensors.indices.map { try payload(packed, $0) }
        let json = try #require(packed.metadata["qamw.directory"]?.text)
        let parts = json.split(separator: old, maxSplits: 1, omittingEmptySubsequences: false)
        try #require(parts.count == 2, "\(old) is not in \(json)")
        changed.metadata.set("qamw.directory", .string(parts[0] + new + parts[1]))
        #expect { try UnpackingSource(wrapping: changed) } throws: { ($0 as? QAMError)?.code == .malformed }
    }

    @Test func laterVersionsAreUnsupported() throws {
        let source = try tampered(#""version":3"#, #""version":2"#)
        #expect { try UnpackingSource(wrapping: source) } throws: { ($0 as? QAMError)?.code == .unsupported }
    }

    @Test func damagedDirectoriesNeverTrap() throws {
        var source = try tampered("{", "{")
        let json = try #require(source.metadata["qamw.directory"]?.text)
        var random = SeededGenerator(state: 5), taken = 0, refused = 0
        for _ in 0..<1000 {
            var damaged = Array(json.utf8)
            for _ in 0..<Int.random(in: 1...2, using: &random) {
                damaged[Int.random(in: damaged.indices, using: &random)] = UInt8.random(in: 0x20...0x7E, using: &random)
            }
            source.metadata.set("qamw.directory", .string(String(decoding: damaged, as: UTF8.self)))
            do {
                let unpacked = try UnpackingSource(wrapping: source)
                for tensor in unpacked.tensors.indices { _ = try payload(unpacked, tensor) }
                taken += 1
            } catch is QAMError {
                refused += 1
            }
        }
        // Changes of names may be accepted, changes of the structure may not.
        #expect(taken > 0 && refused > 500, "\(taken) taken, \(refused) refused")
    }
}
