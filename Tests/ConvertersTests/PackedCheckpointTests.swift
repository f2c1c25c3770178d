import Architectures
import Converters
import QAMFormat
import Testing

/// A checkpoint of testdata/checkpoints in memory, where it can be changed.
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

    /// Another shape and type; the payload is cut or filled with zeros.
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

    /// The plain model. Throws if the scheme is not recognised.
    func dequantized() throws -> DequantizedCheckpoint {
        var source = source
        source.files = [MemoryFile(name: "config.json", bytes: Array(config.utf8))]
        let scheme = try #require(try QuantizationScheme.detect(in: source))
        return try DequantizedCheckpoint(source, scheme, advice: "")
    }
}

/// What is particular to GPTQ, AWQ, bitsandbytes and MLX. `DequantizationTests` compares their weights with the reference.
@Suite struct PackedCheckpointTests {
    /// Rows are computed in any ranges: those of a stored column, a block or a nibble do not begin where the range does.
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

    /// Weights that are stored by columns are read in panels of 16 MiB, here of 4,096 rows: rows to both sides of an edge, and beyond the last one.
    @Test(arguments: ["gptq", "awq"]) func panelsMeet(_ method: String) throws {
        let inputs = 8192, outputs = 4096 + 64, isAWQ = method == "awq"
        var source = MemorySource()
        func add(_ name: String, _ shape: [Int], _ dtype: DType, _ bytes: [UInt8]) { source.add("a.\(name)", shape, dtype, bytes) }
        let codes = noise(inputs * outputs / 2, seed: 1), zeros = noise(outputs / 2, seed: 2)
        let scales = (0..<outputs).map { Float($0 % 7 + 1) }
        add("qweight", isAWQ ? [inputs, outputs / 8] : [inputs / 8, outputs], .i32, codes)
        add("qzeros", [1, outputs / 8], .i32, zeros)
        add("scales", [1, outputs], .f16, try ElementConversion.bytes(scales, as: .f16))
        let config = #"{"torch_dtype": "float32", "quantization_config": {"quant_method": "\#(method)", "bits": 4, "group_size": -1}}"#
        source.files = [MemoryFile(name: "config.json", bytes: Array(config.utf8))]
        let plain = try DequantizedCheckpoint(source, try #require(try QuantizationScheme.detect(in: source)), advice: "")
        func nibble(_ bytes: [UInt8], _ word: Int, _ place: Int) -> Int { Int(bytes[word * 4 + place / 2]) >> (place % 2 * 4) & 15 }
        let order = [0, 4, 1, 5, 2, 6, 3, 7]  // the nibble of each output of AWQ
        func expected(_ row: Int) -> [Float] {
            let place = isAWQ ? order[row % 8] : row % 8
            let zero = nibble(zeros, row / 8, place) + (isAWQ ? 0 : 1)
            return (0..<inputs).map { i in
                let code = isAWQ ? nibble(codes, i * (outputs / 8) + row / 8, place) : nibble(codes, i / 8 * outputs + row, i % 8)
                return Float(code - (isAWQ ? zero : zero & 15)) * scales[row]
            }
        }
        for rows in [4090..<4103, 0..<2, 4159..<4160, 4095..<4096, 1000..<1001, 4096..<4097] {
            let bytes = try plain.read(rows.lowerBound * inputs * 4..<rows.upperBound * inputs * 4, of: 0).streams[0]
            let isEqual = try ElementConversion.floats(bytes, as: .f32) == rows.flatMap(expected)
            #expect(isEqual, "\(rows)")
        }
    }

    @Test func theTypeIsTheDeclaredOneOrThatOfTheScales() throws {
        // Of MLX's modes, one has scales of F16, and the others exponents.
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
        // By whom it was written tells how a zero point of 0 is stored.
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
