import Quantization
import Architectures
import Converters
import QAMFormat
import Synchronization
import Testing

/// Tensors in memory.
private struct FixedSource: TensorSource {
    var metadata = Metadata()
    var tensors: [TensorDescriptor] = []
    var payloads: [[UInt8]] = []
    var inputs: [String] { ["memory"] }
    var fingerprint: String { "fixed" }
    var rowGranule = 1

    mutating func add(_ name: String, _ shape: [Int], _ dtype: DType, _ values: [Double]) throws {
        tensors.append(TensorDescriptor(name: name, shape: shape, storage: .raw(dtype)))
        payloads.append(try ElementConversion.bytes(values, as: dtype))
    }

    mutating func add(_ name: String, _ shape: [Int], _ dtype: DType, bytes: [UInt8]) {
        tensors.append(TensorDescriptor(name: name, shape: shape, storage: .raw(dtype)))
        payloads.append(bytes)
    }

    func granule(of tensor: Int) -> Int {
        guard case .raw(let dtype) = tensors[tensor].storage else { return 1 }
        return rowGranule * (dtype.byteCount(elements: tensors[tensor].columns) ?? 1)
    }

    func read(_ units: Range<Int>, of tensor: Int) throws -> TensorChunk {
        #expect(units.lowerBound % granule(of: tensor) == 0)
        return TensorChunk(streams: [Array(payloads[tensor][units])])
    }
}

/// A whole coded or raw tensor of a source.
private func readAll(_ source: any TensorSource, _ tensor: Int) throws -> TensorChunk {
    try source.read(0..<source.tensors[tensor].unitCount, of: tensor)
}

private func wave(_ count: Int, scale: Double = 0.05) -> [Double] {
    // Irregular enough for a codec, without a generator.
    (0..<count).map { i in
        let x = Double(i &* 2_654_435_761 % 1_000_003) / 1_000_003, y = Double(i &* 40_503 % 65_537) / 65_537
        return (x + y - 1) * scale
    }
}

@Suite struct TransformTests {
    private func source(rowGranule: Int = 1) throws -> FixedSource {
        var source = FixedSource(rowGranule: rowGranule)
        try source.add("a", [8, 96], .bf16, wave(768))
        try source.add("norm", [96], .f32, wave(96))
        try source.add("b", [2, 4, 128], .f64, wave(1024))
        source.add("ids", [3, 2], .i16, bytes: [1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0])
        try source.add("c", [4, 64], .f16, wave(256))
        source.tensors.append(TensorDescriptor(name: "a.tied", shape: [8, 96], storage: .alias(of: 0)))
        source.payloads.append([])
        return source
    }

    private let plan: QuantizationPlan

    init() throws {
        plan = QuantizationPlan(choices: [
            0: QuantizationChoice(try Code(.octant, bits: 5.5), blockSizeCap: 16, seed: 1),
            2: QuantizationChoice(try Code(.octant, bits: 3.5), seed: 1, channelScales: (0..<128).map { 0.5 + Float($0) / 128 }),
            4: QuantizationChoice(try Code(.free, bits: 5.5), seed: 2),
        ])
    }

    @Test(arguments: [1, 2]) func quantizedTensorsDecodeToWhatTheyWere(_ rowGranule: Int) async throws {
        let base = try source(rowGranule: rowGranule)
        let quantizing = try await QuantizingSource.scanning(base, plan: plan, threads: 2)
        #expect(quantizing.shared.codebooks.count == 3)
        #expect(quantizing.shared.seeds == [1, 2])
        #expect(quantizing.inputs == ["memory"])
        #expect((0..<6).map { quantizing.granule(of: $0) } == [rowGranule, 384 * rowGranule, rowGranule, 4 * rowGranule, rowGranule, 1])
        for tensor in quantizing.tensors { try CodecRegistry.validate(tensor, shared: quantizing.shared) }
        #expect(try CodecRegistry.describe(quantizing.tensors[0], shared: quantizing.shared).blockSize == 16)
        #expect(try CodecRegistry.describe(quantizing.tensors[2], shared: quantizing.shared).channelScales)

        // Reading in parts equals reading at once.
        let whole = try readAll(quantizing, 0)
        let first = try quantizing.read(0..<4, of: 0), second = try quantizing.read(4..<8, of: 0)
        #expect((0..<2).map { first.streams[$0] + second.streams[$0] } == whole.streams)

        let dequantizing = try DequantizingSource(quantizing, to: .keep)
        #expect(dequantizing.tensors == base.tensors)
        #expect(dequantizing.shared == SharedTables())
        #expect(dequantizing.warnings.isEmpty)
        for (tensor, bound) in [(0, 1.5e-3), (2, 2.5e-2), (4, 1.5e-3)] {
            let dtype = try #require(base.tensors[tensor].rawType)
            let before = try ElementConversion.doubles(base.payloads[tensor], as: dtype)
            let after = try ElementConversion.doubles(readAll(dequantizing, tensor).streams[0], as: dtype)
            let error = zip(before, after).reduce(0.0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
            let energy = before.reduce(0.0) { $0 + $1 * $1 }
            #expect(error / energy < bound)
            let distortion = try #require(try readAll(quantizing, tensor).distortion)
            #expect(abs(distortion.normalized - error / energy) < 0.02 * error / energy)
        }
        for tensor in [1, 3] { #expect(try readAll(dequantizing, tensor).streams == [base.payloads[tensor]]) }

        // Rows in the middle.
        let rowBytes = 96 * 2, all = try readAll(dequantizing, 0).streams[0]
        #expect(dequantizing.granule(of: 0) == rowBytes * rowGranule)
        #expect(try dequantizing.read(2 * rowBytes..<6 * rowBytes, of: 0).streams[0] == Array(all[2 * rowBytes..<6 * rowBytes]))
    }

    @Test func fingerprintsTellOptionsApart() throws {
        let five = try Code(.octant, bits: 5), free = try Code(.free, bits: 5.5)
        let base = try source()
        func fingerprint(_ change: (inout QuantizationPlan) -> Void) throws -> String {
            var plan = plan
            change(&plan)
            return try QuantizingSource(base, plan: plan, gainTypes: [0: .float16, 2: .float16, 4: .float16]).fingerprint
        }
        let prints = try [
            fingerprint { _ in }, fingerprint { $0.refit = false }, fingerprint { $0.choices[4] = nil },
            fingerprint { $0.choices[0]?.code = five }, fingerprint { $0.choices[0]?.code = free },
            fingerprint { $0.choices[0]?.seed = 9 }, fingerprint { $0.choices[0]?.blockSizeCap = 32 },
            fingerprint { $0.choices[2]?.channelScales?[5] = 3 }, fingerprint { $0.choices[2]?.channelScales = nil },
            DequantizingSource(base, to: .keep).fingerprint, DequantizingSource(base, to: .dtype(.f16)).fingerprint,
            CastingSource(base, to: .f16).fingerprint, CastingSource(base, to: .bf16).fingerprint,
        ]
        #expect(Set(prints).count == prints.count)
        #expect(prints.allSatisfy { $0.hasPrefix("fixed ") })
    }

    @Test func valuesThatAreNotFiniteAreRefusedByName() async throws {
        var base = FixedSource()
        for bad in [Double.nan, .infinity] {
            var values = wave(512)
            values[5 * 64 + 3] = bad
            try base.add("bad.weight", [8, 64], .f32, values)
            let plan = QuantizationPlan(choices: [0: QuantizationChoice(try Code(.octant, bits: 4), seed: 0)])
            let error = await #expect(throws: QAMError.self) {
                try await QuantizingSource.scanning(base, plan: plan, threads: 2)
            }
            #expect(error?.code == .malformed)
            #expect(error?.place.tensor == "bad.weight")
            #expect(error?.message.contains("row 5") == true)
            base = FixedSource()
        }
    }

    @Test func smallGainsNeedFloat32() async throws {
        var base = FixedSource()
        var values = wave(512)
        for column in 0..<64 { values[7 * 64 + column] *= 1e-6 }
        try base.add("a", [8, 64], .f32, values)
        let plan = QuantizationPlan(choices: [0: QuantizationChoice(try Code(.octant, bits: 4), seed: 0)])
        let quantizing = try await QuantizingSource.scanning(base, plan: plan, threads: 1)
        #expect(try CodecRegistry.describe(quantizing.tensors[0], shared: quantizing.shared).gainType == .float32)
    }

    @Test func obstaclesHaveReasons() {
        func obstacle(_ shape: [Int], _ storage: TensorDescriptor.Storage) -> String? {
            QuantizationPlan.obstacle(TensorDescriptor(name: "t", shape: shape, storage: storage), to: .octant)
        }
        #expect(obstacle([4, 4], .raw(.bf16)) == nil)
        #expect(obstacle([4, 4], .raw(.f8e4m3)) == nil)
        #expect(obstacle([1, 1 << 24], .raw(.f32)) == nil)
        #expect(obstacle([1, 1 << 25], .raw(.f32))?.contains("too long") == true)
        #expect(obstacle([4], .raw(.bf16))?.contains("one-dimensional") == true)
        #expect(obstacle([], .raw(.bf16))?.contains("scalar") == true)
        #expect(obstacle([4, 5], .raw(.bf16))?.contains("power-of-two") == true)
        #expect(obstacle([0, 4], .raw(.bf16))?.contains("empty") == true)
        #expect(obstacle([4, 4], .raw(.i32))?.contains("I32") == true)
        #expect(obstacle([4, 4], .raw(.f4))?.contains("F4") == true)
        #expect(obstacle([4, 4], .alias(of: 0))?.contains("another name") == true)
    }

    @Test func plansThatDoNotFitAreRefused() throws {
        let base = try source()
        for (tensor, choice) in [
            (1, QuantizationChoice(try Code(.octant, bits: 4), seed: 0)), (3, QuantizationChoice(try Code(.octant, bits: 4), seed: 0)),
            (5, QuantizationChoice(try Code(.octant, bits: 4), seed: 0)), (99, QuantizationChoice(try Code(.octant, bits: 4), seed: 0)),
            (0, QuantizationChoice(try Code(.octant, bits: 4), blockSizeCap: 0, seed: 0)),
            (0, QuantizationChoice(try Code(.octant, bits: 4), blockSizeCap: 12, seed: 0)),
            (0, QuantizationChoice(try Code(.octant, bits: 4), seed: 0, channelScales: [1])),
            (0, QuantizationChoice(try Code(.octant, bits: 4), seed: 0, channelScales: Array(repeating: -1, count: 96))),
        ] {
            let error = #expect(throws: QAMError.self) {
                try QuantizingSource(base, plan: QuantizationPlan(choices: [tensor: choice]), gainTypes: [tensor: .float16])
            }
            #expect(error?.code == .invalidArgument)
        }
    }

    @Test func castingRoundsAndCountsOverflow() throws {
        var base = FixedSource()
        try base.add("a", [1, 4], .f32, [1.0009765625, -70000, 65519, .infinity])
        try base.add("b", [2], .f64, [1e300, 1.00048828125 + 1e-12])
        base.add("i", [2], .u8, bytes: [1, 2])
        base.add("m", [2], .f4, bytes: [0x21])
        let casting = try CastingSource(base, to: .f16)
        #expect(casting.tensors.map(\.storage) == [.raw(.f16), .raw(.f16), .raw(.u8), .raw(.f4)])
        #expect(try ElementConversion.doubles(readAll(casting, 0).streams[0], as: .f16) == [1.0009765625, -.infinity, 65504, .infinity])
        // Rounded once: rounding to float32 first would give a tie, and then 1.
        #expect(try ElementConversion.doubles(readAll(casting, 1).streams[0], as: .f16) == [.infinity, 1.0009765625])
        #expect(try readAll(casting, 2).streams == [[1, 2]])
        #expect(try readAll(casting, 3).streams == [[0x21]])
        // However often it is read.
        for _ in 0..<2 { #expect(try (0..<4).map { try readAll(casting, $0).overflows } == [1, 1, 0, 0]) }
        #expect(casting.warnings.isEmpty)
        #expect(throws: QAMError.self) { try CastingSource(base, to: .f64) }
        #expect(throws: QAMError.self) { try CastingSource(base, to: .i8) }
    }

    /// A transform around a cast may read parts twice: tied tensors are compared, halves of heads are interleaved.
    @Test(arguments: [HeadPermutation.Direction.toInterleaved, .toHalves]) func overflowsCountOnceWhereverTheyPass(_ direction: HeadPermutation.Direction)
        async throws
    {
        var base = FixedSource()
        let rows = 8, columns = 16_384
        var values = [Double](repeating: 1, count: rows * columns)
        for row in [0, 3, 6] { values[row * columns] = 1e6 }
        try base.add("a", [rows, columns], .f32, values)
        try base.add("tied", [rows, columns], .f32, values)
        base.tensors.append(TensorDescriptor(name: "alias", shape: [rows, columns], storage: .alias(of: 0)))
        base.payloads.append([])
        let casting = try CastingSource(base, to: .f16)
        let permuting = try RowPermutingSource(casting, permutations: [0: HeadPermutation(heads: 1, direction)])
        for source in [casting, permuting, try OffsetSource(permuting, changes: [0: .init(offset: 1, target: .f32)])] as [any TensorSource] {
            let aliasing = try AliasingSource(wrapping: source)
            for threads in [1, 3] {
                let report = try await transfer(from: aliasing, to: CountingSink(), threads: threads)
                let isTied = aliasing.tensors[1].storage == .alias(of: 0)
                #expect(report.overflows == (isTied ? [0: 3] : [0: 3, 1: 3]))
                #expect(report.warnings(aliasing.tensors).first == "tensor \"a\": 3 finite values became infinite")
            }
            // Row by row as at once.
            let granule = source.granule(of: 0)
            let pieces = try stride(from: 0, to: source.tensors[0].byteCount, by: granule).map { try source.read($0..<$0 + granule, of: 0).overflows }
            #expect(pieces.reduce(0, +) == 3)
        }
        let narrowed = try OffsetSource(base, changes: [0: .init(offset: -1, target: .f16)])
        #expect(try readAll(narrowed, 0).overflows == 3)
    }

    @Test func keepWarnsWhereItCannot() async throws {
        var base = FixedSource()
        base.add("a", [4, 64], .f8e4m3, bytes: (0..<256).map { UInt8($0 % 120) })
        let plan = QuantizationPlan(choices: [0: QuantizationChoice(try Code(.free, bits: 4), seed: 0)])
        let dequantizing = try DequantizingSource(await QuantizingSource.scanning(base, plan: plan, threads: 1), to: .keep)
        #expect(dequantizing.tensors[0].storage == .raw(.bf16))
        #expect(dequantizing.warnings.count == 1)
        #expect(dequantizing.warnings[0].contains("F8_E4M3"))
        #expect(throws: QAMError.self) { try DequantizingSource(base, to: .dtype(.i8)) }
    }

    @Test func dequantizingToBlocksWantsWholeOnes() async throws {
        func quantizing(columns: Int) async throws -> any TensorSource {
            var base = FixedSource()
            base.add("a", [4, columns], .f8e4m3, bytes: (0..<4 * columns).map { UInt8($0 % 120) })
            let plan = QuantizationPlan(choices: [0: QuantizationChoice(try Code(.free, bits: 4), seed: 0)])
            return try await QuantizingSource.scanning(base, plan: plan, threads: 1)
        }
        let source = try await quantizing(columns: 64)
        let floats = try readAll(DequantizingSource(source, to: .dtype(.f32)), 0).streams[0]
        let blocks = try DequantizingSource(source, to: .dtype(.q8_0))
        let expected = try ElementConversion.bytes(ElementConversion.floats(floats, as: .f32), as: .q8_0)
        #expect(try readAll(blocks, 0).streams == [expected])
        #expect(blocks.granule(of: 0) % 68 == 0)
        let uneven = try await quantizing(columns: 48)
        #expect(throws: QAMError.self) { try DequantizingSource(uneven, to: .dtype(.q8_0)) }
    }
}

/// Accepts everything and stores nothing.
private final class CountingSink: TensorSink {
    func begin(_ source: any TensorSource) throws -> [TensorFindings] { [] }
    func write(_ chunk: TensorChunk, units: Range<Int>, of tensor: Int) throws {}
    func endTensor(_ tensor: Int, findings: TensorFindings) throws {}
    func finish() throws -> Int { 0 }
    func discard(keepingPartial: Bool) {}
}
