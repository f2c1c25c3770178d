import Converters
import QAMFormat
import Testing

/// The bytes of tensors: byte order, and the results of `verify`.
@Suite struct GGUFPayloadTests {
    /// A file with a single block of a type.
    private func open(_ folder: ScratchFolder, _ type: UInt32, _ block: [UInt8], elements: UInt64, isBigEndian: Bool = false) throws -> GGUFModel {
        var file = GGUFBytes(isBigEndian: isBigEndian)
        file.tensors = [.init(dimensions: [elements], type: type)]
        file.data = block + [UInt8](repeating: 0, count: (32 - block.count % 32) % 32)
        return try GGUFModel(path: folder.write(file.bytes, "m.gguf"))
    }

    /// The offsets and sizes of the multi-byte numbers in a block, by ggml-common.h.
    @Test(
        arguments: [
            (0, 1, 4, [(0, 4)]), (1, 1, 2, [(0, 2)]), (30, 1, 2, [(0, 2)]), (28, 1, 8, [(0, 8)]), (24, 1, 1, []), (25, 1, 2, [(0, 2)]),
            (26, 1, 4, [(0, 4)]), (27, 1, 8, [(0, 8)]), (2, 32, 18, [(0, 2)]), (3, 32, 20, [(0, 2), (2, 2)]), (7, 32, 24, [(0, 2), (2, 2)]),
            (8, 32, 34, [(0, 2)]), (10, 256, 84, [(80, 2), (82, 2)]), (11, 256, 110, [(108, 2)]), (12, 256, 144, [(0, 2), (2, 2)]), (14, 256, 210, [(208, 2)]),
            (15, 256, 292, [(0, 4)] + (0..<16).map { (260 + 2 * $0, 2) }), (16, 256, 66, (0..<33).map { (2 * $0, 2) }),
            (17, 256, 74, (0..<33).map { (2 * $0, 2) }), (19, 256, 50, [(0, 2)] + (0..<8).map { (34 + 2 * $0, 2) }), (23, 256, 136, [(0, 2), (2, 2)]),
            (29, 256, 56, []), (34, 256, 54, [(52, 2)]), (35, 256, 66, [(64, 2)]), (39, 32, 17, []), (40, 64, 36, []),
        ] as [(UInt32, UInt64, Int, [(Int, Int)])])
    func bigEndianNumbersAreTurnedRound(type: UInt32, elements: UInt64, size: Int, numbers: [(Int, Int)]) throws {
        let folder = try ScratchFolder()
        let stored = (0..<3 * size).map { UInt8(truncatingIfNeeded: $0) }
        var expected = stored
        for block in 0..<3 {
            for (offset, width) in numbers {
                let range = block * size + offset..<block * size + offset + width
                expected.replaceSubrange(range, with: stored[range].reversed())
            }
        }
        let model = try open(folder, type, stored, elements: 3 * elements, isBigEndian: true)
        #expect(try model.read(0..<3 * size, of: 0).streams == [expected])
        #expect(try model.read(size..<2 * size, of: 0).streams == [Array(expected[size..<2 * size])])
    }

    @Test(
        arguments: [
            // Type, elements and bytes of a block, the offset of a number in it, and bytes that make it infinite or NaN.
            (0, 1, 4, 0, [0, 0, 0xC0, 0x7F]), (0, 1, 4, 0, [0, 0, 0x80, 0xFF]), (1, 1, 2, 0, [0, 0x7C]), (30, 1, 2, 0, [0x80, 0x7F]),
            (28, 1, 8, 0, [1, 0, 0, 0, 0, 0, 0xF0, 0x7F]), (2, 32, 18, 0, [0, 0x7E]), (3, 32, 20, 2, [0, 0xFC]), (8, 32, 34, 0, [1, 0x7C]),
            (9, 32, 36, 2, [0, 0x7E]), (10, 256, 84, 82, [0, 0x7E]), (11, 256, 110, 108, [0, 0x7E]), (13, 256, 176, 2, [0, 0x7E]),
            (14, 256, 210, 208, [0, 0x7E]), (15, 256, 292, 0, [0, 0, 0x80, 0x7F]), (22, 256, 82, 0, [0, 0x7E]), (23, 256, 136, 0, [0, 0x7E]),
            (29, 256, 56, 48, [0, 0, 0, 0, 0, 0xC0, 0, 0x70]), (34, 256, 54, 52, [0, 0x7E]), (35, 256, 66, 64, [0, 0x7E]), (39, 32, 17, 0, [0xFF]),
            (41, 128, 18, 0, [0, 0x7E]), (42, 64, 18, 0, [0, 0x7E]),
        ] as [(UInt32, UInt64, Int, Int, [UInt8])])
    func numbersThatAreNoneGetAWarning(type: UInt32, elements: UInt64, size: Int, offset: Int, bits: [UInt8]) async throws {
        let folder = try ScratchFolder()
        var blocks = [UInt8](repeating: 0x11, count: 3 * size)
        let sound = try await open(folder, type, blocks, elements: 3 * elements).checkPayload(threads: 1)
        #expect(sound.warnings.isEmpty && sound.byteCount == 3 * size)
        blocks.replaceSubrange(size + offset..<size + offset + bits.count, with: bits)
        let warnings = try await open(folder, type, blocks, elements: 3 * elements).checkPayload(threads: 2).warnings
        #expect(warnings == ["tensor \"t\": 1 NaN or infinite value or scale"])
        let big = try open(folder, type, blocks, elements: 3 * elements, isBigEndian: true)
        #expect(try await big.checkPayload(of: [], threads: 1).warnings.isEmpty)
    }

    @Test func integersAreNeverLookedAt() async throws {
        let folder = try ScratchFolder()
        for (type, size) in [(24, 1), (25, 2), (26, 4), (27, 8)] as [(UInt32, Int)] {
            let model = try open(folder, type, [UInt8](repeating: 0xFF, count: 8 * size), elements: 8)
            #expect(try await model.checkPayload(threads: 1).warnings.isEmpty)
        }
    }

    @Test func largeTensorsAreReadInPieces() async throws {
        let folder = try ScratchFolder()
        var source = MemorySource()
        var bytes = [UInt8](repeating: 0, count: 9_000_002)
        for offset in [0, 4 << 20, 9_000_000] { bytes.replaceSubrange(offset..<offset + 2, with: [0xC0, 0x7F]) }
        source.add("large", [4_500_001], .bf16, bytes)
        source.add("sound", [1], .f32, [0, 0, 0, 0])
        _ = try await transfer(from: source, to: GGUFSink(output: .file(folder.path("m.gguf"))), threads: 2)
        let model = try GGUFModel(path: folder.path("m.gguf"))
        let result = try await model.checkPayload(threads: 3)
        #expect(result.warnings == ["tensor \"large\": 3 NaN or infinite values or scales"])
        #expect(result.byteCount == 9_000_006)
    }
}
