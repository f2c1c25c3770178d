import Architectures
import Converters
import QAMFormat
import Testing

/// A checkpoint of testdata/checkpoints in memory, to be modified.
struct PackedFixture {
    static let folder = Path.join(Path.folder(of: Path.folder(of: Path.folder(of: #filePath))), "testdata/checkpoints")
    static let names = [
        "awq-gemm", "awq-gemv", "bnb-fp4", "bnb-int8", "bnb-nf4-nested", "gptq-asymmetric", "gptq-mislabelled", "gptq-mixed", "gptq-partial-group", "gptq-v2",
        "mlx-affine", "mlx-modes",
    ]

    var source = MemorySource()
    var config: String

    init(_ name: String) throws {
        let stored = try SafetensorsSource(path: Path.join(Self.folder, "\(name)/model.safetensors"))
        source.metadata = stored.metadata
        for (index, tensor) in stored.tensors.enumerated() {
            source.tensors.append(tensor)
            source.payloads.append(try payload(stored, index))
        }
        config = String(decoding: try contents(Path.join(Self.folder, "\(name)/config.json")), as: UTF8.self)
    }

    func index(_ name: String) throws -> Int { try #require(source.tensors.firstIndex { $0.name == name }, "\(name)") }

    mutating func remove(_ name: String) throws {
        let index = try index(name)
        source.tensors.remove(at: index)
        source.payloads.remove(at: index)
    }

    /// Replaces the shape and type; the payload is truncated or padded with zeros.
    mutating func replace(_ name: String, _ shape: [Int], _ dtype: DType? = nil) throws {
        let index = try index(name)
        let old = try #require(source.tensors[index].rawType)
        source.tensors[index] = TensorDescriptor(name: name, shape: shape, storage: .raw(dtype ?? old))
        let count = source.tensors[index].byteCount
        source.payloads[index][0] = Array((source.payloads[index][0] + [UInt8](repeating: 0, count: max(0, min(count, 1 << 20)))).prefix(count))
    }

    mutating func set(_ name: String, _ bytes: [UInt8]) throws {
        let index = try index(name)
        source.payloads[index] = [bytes]
        source.tensors[index].shape = [bytes.count / (source.tensors[index].rawType?.blockBytes ?? 1)]
    }

    /// The dequantized model. Throws if the scheme is not recognised.
    func dequantized() throws -> DequantizedCheckpoint {
        var source = source
        source.files = [MemoryFile(name: "config.json", bytes: Array(config.utf8))]
        let scheme = try #require(try QuantizationScheme.detect(in: source))
        return try DequantizedCheckpoint(source, scheme, advice: "")
    }
}

/// Weights of GPTQ, AWQ, bitsandbytes and MLX, compared with the results of their own implementations or rules.
@Suite struct PackedCheckpointTests {
    @Test(arguments: PackedFixture.names) func weightsAreThoseOfTheScheme(_ name: String) throws {
        let plain = try PackedFixture(name).dequantized()
        let expected = try SafetensorsSource(path: Path.join(PackedFixture.folder, "\(name)/expected.safetensors"))
        #expect(Set(plain.tensors.map(\.name)) == Set(expected.tensors.map(\.name)))
        for (index, tensor) in plain.tensors.enumerated() {
            let other = try #require(expected.tensors.firstIndex { $0.name == tensor.name })
            #expect(tensor == expected.tensors[other])
            #expect(try payload(plain, index) == payload(expected, other), "\(tensor.name)")
        }
        let config = try #require(plain.files.first { $0.name == "config.json" })
        let text = try String(decoding: config.read(0..<config.byteCount), as: UTF8.self)
        #expect(!text.contains("quantization") && text.contains("\"hidden_size\""))
    }

    /// Any range of rows can be read, even if it does not begin at a stored column, a block or a whole byte.
    @Test(arguments: PackedFixture.names) func anyRangeCanBeRead(_ name: String) throws {
        let plain = try PackedFixture(name).dequantized()
        for (index, tensor) in plain.tensors.enumerated() where tensor.shape.count == 2 {
            let whole = try payload(plain, index)[0]
            let rowBytes = whole.count / tensor.rows
            for first in 0..<tensor.rows {
                let range = first * rowBytes..<min(first + 3, tensor.rows) * rowBytes
                #expect(try plain.read(range, of: index).streams[0] == Array(whole[range]))
            }
        }
    }

    @Test func theTypeIsTheDeclaredOneOrThatOfTheScales() throws {
        // One of MLX's modes has F16 scales, the others have exponents.
        let examples: [(name: String, stored: Set<DType?>)] = [
            ("awq-gemm", [.f16]), ("gptq-v2", [.f16]), ("mlx-modes", [.f16, .bf16]), ("bnb-fp4", [.f16]), ("bnb-int8", [.bf16]), ("mlx-affine", [.bf16]),
        ]
        for (name, stored) in examples {
            var fixture = try PackedFixture(name)
            let type = try #require(["float16", "bfloat16"].first { fixture.config.contains("\"torch_dtype\": \"\($0)\"") })
            func types() throws -> Set<DType?> { Set(try fixture.dequantized().tensors.filter { $0.shape.count == 2 }.map(\.rawType)) }
            fixture.config = fixture.config.replacing("\"torch_dtype\": \"\(type)\"", with: "\"torch_dtype\": \"float32\"")
            #expect(try types() == [.f32])
            fixture.config = fixture.config.replacing("\"torch_dtype\"", with: "\"something\"")
            #expect(try types() == stored, "\(name)")
        }
    }

    @Test func doubtfulZeroPointsAreWarnedOf() throws {
        #expect(try PackedFixture("gptq-mislabelled").dequantized().warnings.contains { $0.contains("stored as in gptq_v2") })
        #expect(try PackedFixture("gptq-asymmetric").dequantized().warnings.count == 1)
        var fixture = try PackedFixture("gptq-asymmetric")
        // The writing program determines how a zero point of 0 is stored.
        fixture.config = fixture.config.replacing("gptqmodel:", with: "auto_gptq:")
        #expect(try fixture.dequantized().warnings.contains { $0.contains("sym = false") })
        fixture = try PackedFixture("gptq-partial-group")
        #expect(try fixture.dequantized().warnings.count == 1)
        fixture.config = fixture.config.replacing("\"gptq\",\n    \"damp", with: "\"gptq_v2\",\n    \"damp")
        #expect(fixture.config.contains("gptq_v2"))
        let expected = try PackedFixture("gptq-partial-group").dequantized()
        let plain = try fixture.dequantized()
        #expect(plain.warnings.contains { $0.contains("stored as in gptq,") })
        for index in plain.tensors.indices { #expect(try payload(plain, index) == payload(expected, index)) }
    }

    @Test func anIndexOfZerosMeansConsecutiveGroups() throws {
        var fixture = try PackedFixture("gptq-asymmetric")
        let expected = try fixture.dequantized()
        let name = "model.layers.0.self_attn.k_proj.g_idx"
        try fixture.set(name, [UInt8](repeating: 0, count: 4 * 64))
        let plain = try fixture.dequantized()
        for index in plain.tensors.indices { #expect(try payload(plain, index) == payload(expected, index)) }
    }

    @Test func configurationsThatAreNotCoveredAreNamed() throws {
        for (name, old, new, says) in [
            ("gptq-v2", "\"gptq_v2\"", "\"marlin\"", "marlin"), ("gptq-v2", "\"bits\": 4", "\"bits\": 5", "bits = 5"),
            ("gptq-v2", "\"lm_head\"", "\"is_marlin_format\": true, \"lm_head\"", "is_marlin_format"),
            ("gptq-v2", "\"group_size\": 16", "\"group_size\": 0", "group_size"),
            ("awq-gemm", "\"gemm\"", "\"gemv_fast\"", "gemv_fast"), ("awq-gemm", "\"bits\": 4", "\"bits\": 8", "bits = 8"),
            ("awq-gemm", "\"zero_point\": true", "\"zero_point\": false", "zero_point"),
            ("awq-gemm", "\"bits\"", "\"backend\": \"llm-awq\", \"bits\"", "llm-awq"),
            ("mlx-affine", "\"bits\": 5", "\"bits\": 7", "bits = 7"), ("mlx-modes", "\"mxfp8\"", "\"mxint8\"", "mxint8"),
            ("mlx-modes", "\"group_size\": 16", "\"group_size\": 8", "group_size = 8"),
        ] {
            var fixture = try PackedFixture(name)
            #expect(fixture.config.contains(old))
            fixture.config = fixture.config.replacing(old, with: new)
            let error = #expect(throws: QAMError.self, "\(name) \(new)") { try fixture.dequantized() }
            #expect(error?.code == .unsupported && error?.message.contains(says) == true, "\(name): \(error.map(String.init(describing:)) ?? "")")
        }
    }
}
