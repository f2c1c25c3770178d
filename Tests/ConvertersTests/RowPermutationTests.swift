import Quantization
import Architectures
import Converters
import QAMFormat
import Testing

/// Permuted rows, and changed names and types, compared with direct implementations.
@Suite struct RowPermutationTests {
    /// A source whose granule is several rows.
    private struct Coarse: TensorSource {
        var base: MemorySource
        var rows: Int
        var metadata: Metadata { base.metadata }
        var tensors: [TensorDescriptor] { base.tensors }
        var inputs: [String] { [] }
        var fingerprint: String { "coarse" }

        func granule(of tensor: Int) -> Int { rows * tensors[tensor].byteCount / tensors[tensor].shape[0] }
        func read(_ units: Range<Int>, of tensor: Int) throws -> TensorChunk {
            #expect(units.lowerBound % granule(of: tensor) == 0)
            return try base.read(units, of: tensor)
        }
    }

    /// Row r of head h moves to row 2r, in the second half of the head to 2(r - d/2) + 1.
    private static func plainly(_ bytes: [UInt8], heads: Int, rows: Int) -> [UInt8] {
        let size = bytes.count / rows, head = rows / heads
        var result = bytes
        for row in 0..<rows {
            let local = row % head
            let target = row - local + (local < head / 2 ? 2 * local : 2 * (local - head / 2) + 1)
            result.replaceSubrange(target * size..<(target + 1) * size, with: bytes[row * size..<(row + 1) * size])
        }
        return result
    }

    @Test(arguments: [(DType.bf16, [24, 7], 3), (.f32, [16], 2), (.q8_0, [8, 64], 1), (.i8, [12, 2, 5], 6)], [1, 2, 3])
    func rowsGoWhereTheyShould(_ tensor: (dtype: DType, shape: [Int], heads: Int), rows: Int) throws {
        var memory = MemorySource()
        memory.add("w", tensor.shape, tensor.dtype)
        memory.add("other", [3], .f32)
        let base = Coarse(base: memory, rows: tensor.shape[0] % rows == 0 ? rows : 1)
        let count = tensor.shape[0], rowBytes = memory.tensors[0].byteCount / count
        let interleaved = try RowPermutingSource(base, permutations: [0: HeadPermutation(heads: tensor.heads, .toInterleaved)])
        let expected = Self.plainly(memory.payloads[0][0], heads: tensor.heads, rows: count)
        var copy = memory
        copy.payloads[0] = [expected]
        let back = try RowPermutingSource(Coarse(base: copy, rows: base.rows), permutations: [0: HeadPermutation(heads: tensor.heads, .toHalves)])
        for start in 0..<count {
            for end in start + 1...count {
                let bytes = start * rowBytes..<end * rowBytes
                #expect(try interleaved.read(bytes, of: 0).streams == [Array(expected[bytes])])
                #expect(try back.read(bytes, of: 0).streams == [Array(memory.payloads[0][0][bytes])])
            }
        }
        #expect(interleaved.granule(of: 0) == 2 * rowBytes)
        #expect(back.granule(of: 0) == rowBytes)
        #expect(try interleaved.read(0..<12, of: 1).streams == memory.payloads[1])
    }

    @Test func rowsThatAreNoHeadsAreRefused() throws {
        var source = MemorySource()
        source.add("odd", [6, 4], .f32)
        source.add("blocks", [32, 3], .q8_0)
        source.addAlias("alias", of: 0)
        for (tensor, heads) in [(0, 2), (0, 4), (0, 0), (1, 1), (2, 1)] {
            let source = source
            let error = #expect(throws: QAMError.self) { try RowPermutingSource(source, permutations: [tensor: HeadPermutation(heads: heads, .toHalves)]) }
            #expect(error?.place.tensor == source.tensors[tensor].name)
        }
    }

    @Test func itemsAreSelectedRenamedAndMade() throws {
        var base = MemorySource()
        base.add("a", [2, 2], .f32)
        base.add("b", [3], .bf16)
        base.addAlias("c", of: 1)
        var metadata = Metadata()
        metadata.set("k", .bool(true))
        let source = SelectingSource(
            base,
            items: [
                .init(TensorDescriptor(name: "made", shape: [2], storage: .raw(.u8)), .made([7, 8])),
                .init(TensorDescriptor(name: "of alias", shape: [3], storage: .raw(.bf16)), .base(2)),
                .init(TensorDescriptor(name: "again", shape: [3], storage: .alias(of: 1)), .base(0)),
            ], metadata: metadata, files: [], warnings: ["w"])
        #expect(try (0..<3).map { try payload(source, $0)[0] } == [[7, 8], base.payloads[1][0], base.payloads[1][0]])
        #expect(source.warnings == ["w"] && source.metadata == metadata)
        #expect(throws: QAMError.self) { try source.read(0..<3, of: 0) }
        let other = SelectingSource(base, items: [], metadata: metadata, files: [])
        #expect(source.fingerprint != other.fingerprint)
    }

    @Test(arguments: DType.ggml) func blocksAreCastInPieces(_ dtype: DType) throws {
        var base = MemorySource()
        base.add("w", [6, 512], dtype)
        for target in [DType.f32, .f16, .q8_0] where target != dtype {
            let cast = try CastingSource(base, to: target)
            #expect(cast.tensors[0].storage == .raw(target))
            let values = try ElementConversion.floats(base.payloads[0][0], as: dtype)
            let expected = try ElementConversion.bytes(values, as: target)
            let granule = cast.granule(of: 0)
            #expect(granule % target.blockBytes == 0 && expected.count % granule == 0)
            let middle = expected.count / granule / 2 * granule
            #expect(try cast.read(0..<middle, of: 0).streams[0] + cast.read(middle..<expected.count, of: 0).streams[0] == expected)
        }
        #expect(QuantizationPlan.obstacle(base.tensors[0], to: .octant) == nil)
    }

    @Test func q8RowsAreWholeBlocks() throws {
        var base = MemorySource()
        base.add("w", [2, 48], .f32)
        let source = base
        #expect(throws: QAMError.self) { try CastingSource(source, to: .q8_0) }
        base.add("v", [2, 64], .bf16)
        base.add("blk.0.attn_norm.weight", [64], .bf16)
        let cast = try GGUFTypes.quantize(base, to: #require(BlockTypes.named("q8_0")))
        #expect(cast.tensors.map(\.storage) == [.raw(.f16), .raw(.q8_0), .raw(.f32)])
        #expect(cast.warnings.count == 1 && cast.warnings[0].contains("stay F16: w"))
    }
}
