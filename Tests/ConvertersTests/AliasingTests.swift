import Converters
import QAMFormat
import Testing

/// Equal tensors are found, and no others.
@Suite struct AliasingTests {
    private func storage(_ source: any TensorSource) throws -> [TensorDescriptor.Storage] {
        try AliasingSource(wrapping: source).tensors.map(\.storage)
    }

    @Test func equalTensorsBecomeAliases() throws {
        var source = MemorySource()
        let bytes = noise(256 << 10, seed: 1)
        source.add("a", [512, 256], .bf16, bytes)
        source.add("other", [512, 256], .bf16)
        source.add("b", [512, 256], .bf16, bytes)
        source.addAlias("c", of: 2)
        source.add("d", [512, 256], .bf16, bytes)
        let aliased = try AliasingSource(wrapping: source)
        #expect(try storage(source) == [.raw(.bf16), .raw(.bf16), .alias(of: 0), .alias(of: 0), .alias(of: 0)])
        #expect(try payload(aliased, 4)[0] == bytes)
        #expect(aliased.fingerprint != source.fingerprint)
    }

    @Test func otherTypeShapeOrByteIsNoAlias() throws {
        let bytes = noise(256 << 10, seed: 2)
        var source = MemorySource()
        source.add("a", [512, 256], .bf16, bytes)
        source.add("type", [512, 256], .f16, bytes)
        source.add("shape", [256, 512], .bf16, bytes)
        // Changed between the samples, so that only a full comparison detects it.
        for offset in [5000, 100_000, 200_000] {
            var changed = bytes
            changed[offset] ^= 1
            source.add("byte \(offset)", [512, 256], .bf16, changed)
        }
        #expect(try storage(source) == source.tensors.map(\.storage))
    }

    @Test func smallTensorsAreLeftAlone() throws {
        var source = MemorySource()
        let ones = [UInt8](repeating: 1, count: AliasingSource.minimumBytes)
        source.add("a", [ones.count - 1], .u8, Array(ones.dropLast()))
        source.add("b", [ones.count - 1], .u8, Array(ones.dropLast()))
        source.add("c", [ones.count], .u8, ones)
        source.add("d", [ones.count], .u8, ones)
        #expect(try storage(source) == [.raw(.u8), .raw(.u8), .raw(.u8), .alias(of: 2)])
    }

    @Test func severalGroupsOfOneShape() throws {
        var source = MemorySource()
        let first = noise(100_000, seed: 3)
        let second = first.dropLast(50_000) + [first[50_000] ^ 1] + first.suffix(49_999)
        for (index, bytes) in [first, Array(second), Array(second), first].enumerated() { source.add("t\(index)", [100_000], .u8, bytes) }
        #expect(try storage(source) == [.raw(.u8), .raw(.u8), .alias(of: 1), .alias(of: 0)])
    }

    @Test func aPreciseGranuleIsKept() throws {
        var source = MemorySource()
        let bytes = noise(3 * 40_000, seed: 4)
        source.add("a", [160_000], .f6e3m2, bytes)
        source.add("b", [160_000], .f6e3m2, bytes)
        #expect(try AliasingSource(wrapping: GranularSource(base: source)).tensors[1].storage == .alias(of: 0))
    }
}

/// Refuses reads that are not whole rows of 999 bytes.
private struct GranularSource: TensorSource {
    let base: MemorySource
    var metadata: Metadata { base.metadata }
    var tensors: [TensorDescriptor] { base.tensors }
    var inputs: [String] { [] }
    var fingerprint: String { "" }

    func granule(of tensor: Int) -> Int { 999 }

    func read(_ units: Range<Int>, of tensor: Int) throws -> TensorChunk {
        guard units.lowerBound % 999 == 0, units.upperBound % 999 == 0 || units.upperBound == tensors[tensor].byteCount else {
            throw QAMError(.invalidArgument, "\(units) is not on the granule")
        }
        return try base.read(units, of: tensor)
    }
}
