import Architectures
import Converters
import QAMFormat
import Testing

/// Borrowed payloads equal payloads that are read, for sources that compute payloads and for those that pass them on.
@Suite struct WrappingTests {
    private static func base() throws -> MemorySource {
        var base = MemorySource()
        base.metadata.set("key", .string("value"))
        base.add("floats", [4, 8], .f32, try ElementConversion.bytes((0..<32).map { Float($0) }, as: .f32))
        base.add("halves", [4, 8], .f16, try ElementConversion.bytes((0..<32).map { Float($0) }, as: .f16))
        base.add("integers", [4, 8], .i32)
        base.files = [MemoryFile(name: "a.txt", bytes: [1, 2, 3])]
        return base
    }

    private static func expectLent(_ source: any TensorSource, sourceLocation: SourceLocation = #_sourceLocation) throws {
        for (tensor, descriptor) in source.tensors.enumerated() where descriptor.unitCount > 0 {
            guard case .raw = descriptor.storage else { continue }
            let granule = max(1, source.granule(of: tensor))
            for units in [0..<descriptor.unitCount, granule..<2 * granule] {
                let lent = try source.withElements(units, of: tensor) { bytes in unsafe bytes.withUnsafeBytes { buffer in unsafe [UInt8](buffer) } }
                #expect(try lent == source.read(units, of: tensor).streams[0], "\(descriptor.name)", sourceLocation: sourceLocation)
            }
        }
    }

    @Test func transformsLendWhatTheyRead() throws {
        let base = try Self.base()
        let sources: [any TensorSource] = [
            try CastingSource(base, to: .bf16), try OffsetSource(base, changes: [1: .init(offset: 1, target: .f32)]),
            try RowPermutingSource(base, permutations: [0: HeadPermutation(heads: 2, .toHalves)]), try AliasingSource(wrapping: base),
            try DequantizingSource(base, to: .keep), MetadataReplacingSource(base, metadata: Metadata()),
            try PackingSource(wrapping: base, carryingFiles: true), try UnpackingSource(wrapping: PackingSource(wrapping: base)),
            SelectingSource(
                base, items: [.init(base.tensors[2], .base(2)), .init(TensorDescriptor(name: "made", shape: [8], storage: .raw(.u8)), .made(Array(0..<8)))],
                metadata: Metadata(), files: []),
        ]
        for source in sources { try Self.expectLent(source) }
        // Only payloads that differ from the base's are computed.
        let casting = try CastingSource(base, to: .f16)
        #expect(base.tensors.indices.map(casting.origin) == [nil, 1, 2])
        #expect(casting.metadata == base.metadata && casting.files.map(\.name) == ["a.txt"] && casting.inputs == base.inputs)
    }

    /// A transform that lacks an implementation for a payload that it changes fails instead of passing on the base's bytes.
    @Test func whatIsMadeIsNeverTheBases() throws {
        struct Forgetful: WrappingSource {
            let base: any TensorSource
            var fingerprint: String { "forgetful" }
            func origin(of tensor: Int) -> Int? { nil }
        }
        let source = Forgetful(base: try Self.base())
        #expect(throws: QAMError.self) { try source.read(0..<4, of: 0) }
        #expect(throws: QAMError.self) { try source.withElements(0..<4, of: 0) { _ in } }
        #expect(throws: QAMError.self) { try source.readWhole(stream: 0, of: 0) }
    }
}
