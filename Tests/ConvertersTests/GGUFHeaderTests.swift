import Converters
import QAMFormat
import Testing

@Suite struct GGUFHeaderTests {
    /// Every metadata type, as GGUF stores it.
    private static func everyType(isBigEndian: Bool) -> GGUFBytes {
        var file = GGUFBytes(isBigEndian: isBigEndian)
        func i<T: FixedWidthInteger>(_ value: T) -> [UInt8] { file.integer(value) }
        let scalars: [(UInt32, [UInt8])] = [
            (0, i(UInt8(200))), (1, i(Int8(-3))), (2, i(UInt16(60000))), (3, i(Int16(-300))), (4, i(UInt32(4_000_000_000))), (5, i(Int32(-70000))),
            (6, i(Float(1.5).bitPattern)), (7, [1]), (8, file.string("über\0")), (10, i(UInt64.max)), (11, i(Int64.min)), (12, i(Double(-0.1).bitPattern)),
        ]
        for (type, value) in scalars {
            file.add("scalar.\(type)", type, value)
            file.add("array.\(type)", 9, i(type) + i(UInt64(2)) + value + value)
            file.add("none.\(type)", 9, i(type) + i(UInt64(0)))
        }
        return file
    }

    @Test(arguments: [false, true], [2, 3] as [UInt32]) func everyMetadataType(isBigEndian: Bool, version: UInt32) throws {
        var file = Self.everyType(isBigEndian: isBigEndian)
        file.version = version
        let header = try GGUFHeader(reading: MemoryBytes(file.bytes, name: "file"))
        #expect(header.version == Int(version) && header.isBigEndian == isBigEndian && header.warnings.isEmpty)
        let values: [(UInt32, MetadataValue)] = [
            (0, .uint8(200)), (1, .int8(-3)), (2, .uint16(60000)), (3, .int16(-300)), (4, .uint32(4_000_000_000)), (5, .int32(-70000)),
            (6, .float32(1.5)), (7, .bool(true)), (8, .string("über\0")), (10, .uint64(.max)), (11, .int64(.min)), (12, .float64(-0.1)),
        ]
        for (type, value) in values {
            #expect(header.metadata["scalar.\(type)"] == value)
            guard case .array(let array)? = header.metadata["array.\(type)"], case .array(let none)? = header.metadata["none.\(type)"] else {
                Issue.record("type \(type) has no array")
                continue
            }
            #expect(array.values == [value, value])
            #expect(array.elementTypeNumber == type && none.elementTypeNumber == type && none.values.isEmpty)
        }
        // Writing what was read gives the same bytes.
        if !isBigEndian {
            #expect(try GGUFHeader.encode([], metadata: header.metadata, version: Int(version)) == file.header)
        }
    }

    @Test func keysKeepTheirOrder() throws {
        var file = GGUFBytes()
        for key in ["z", "a", "general.name", "b"] { file.add(key, u32: 1) }
        let header = try GGUFHeader(reading: MemoryBytes(file.bytes, name: "file"))
        #expect(header.metadata.entries.map(\.key) == ["z", "a", "general.name", "b"])
    }

    /// Strings that cross the boundaries of the blocks that are read.
    @Test func longArraysAreReadInPieces() throws {
        let tokens = (0..<50_000).map { String(repeating: "t\($0) ", count: $0 % 9) }
        var file = GGUFBytes()
        file.add("tokens", 9, file.integer(UInt32(8)) + file.integer(UInt64(tokens.count)) + tokens.flatMap { file.string($0) })
        file.add("numbers", 9, file.integer(UInt32(4)) + file.integer(UInt64(200_000)) + (0..<200_000).flatMap { file.integer(UInt32($0)) })
        let bytes = CountingSource(bytes: file.bytes)
        let header = try GGUFHeader(reading: bytes)
        #expect(header.metadata["tokens"] == .array(.string(tokens)))
        #expect(header.metadata["numbers"] == .array(.uint32((0..<200_000).map { UInt32($0) })))
        #expect(bytes.reads < 12)
    }

    @Test func shapesAreRowMajor() throws {
        var file = GGUFBytes()
        file.tensors = [.init(name: "m", dimensions: [3, 5, 2], type: 1), .init(name: "s", dimensions: [], type: 24, offset: 64)]
        file.data = [UInt8](repeating: 0, count: 96)
        let header = try GGUFHeader(reading: MemoryBytes(file.bytes, name: "file"))
        #expect(header.entries.map(\.shape) == [[2, 5, 3], []])
        #expect(header.entries.map(\.dtype) == [.f16, .i8])
        #expect(header.entries.map(\.byteCount) == [60, 1])
        #expect(header.warnings.isEmpty)
        #expect(header.dataStart % 32 == 0 && header.end <= header.dataStart)
    }

    @Test(arguments: [1, 2, 4, 8, 64, 4096]) func alignments(alignment: Int) throws {
        var file = GGUFBytes(alignment: alignment)
        file.add("general.alignment", u32: UInt32(alignment))
        let second = (16 + alignment - 1) / alignment * alignment
        file.tensors = [.init(), .init(name: "u", offset: UInt64(second))]
        file.data = [UInt8](repeating: 0, count: 2 * second)
        let header = try GGUFHeader(reading: MemoryBytes(file.bytes, name: "file"))
        #expect(header.alignment == alignment && header.warnings.isEmpty && header.dataStart == file.bytes.count - 2 * second)
    }

    @Test func everyTensorTypeHasItsSize() throws {
        let sizes: [(UInt32, UInt64, Int)] = [
            (0, 1, 4), (1, 1, 2), (2, 32, 18), (3, 32, 20), (6, 32, 22), (7, 32, 24), (8, 32, 34), (9, 32, 36), (10, 256, 84), (11, 256, 110),
            (12, 256, 144), (13, 256, 176), (14, 256, 210), (15, 256, 292), (16, 256, 66), (17, 256, 74), (18, 256, 98), (19, 256, 50), (20, 32, 18),
            (21, 256, 110), (22, 256, 82), (23, 256, 136), (24, 1, 1), (25, 1, 2), (26, 1, 4), (27, 1, 8), (28, 1, 8), (29, 256, 56), (30, 1, 2),
            (34, 256, 54), (35, 256, 66), (39, 32, 17), (40, 64, 36), (41, 128, 18), (42, 64, 18),
        ]
        for (type, block, bytes) in sizes {
            var file = GGUFBytes()
            file.tensors = [.init(dimensions: [3 * block, 2], type: type)]
            file.data = [UInt8](repeating: 0, count: (6 * bytes + 31) / 32 * 32)
            let header = try GGUFHeader(reading: MemoryBytes(file.bytes, name: "file"))
            #expect(header.entries[0].byteCount == 6 * bytes && header.warnings.isEmpty, "type \(type)")
            if block > 1 {
                file.tensors[0].dimensions = [block / 2, 12]
                #expect(throws: QAMError.self, "type \(type)") { try file.read() }
            }
        }
        for type in (0...44 as ClosedRange<UInt32>) where !sizes.contains(where: { $0.0 == type }) {
            var file = GGUFBytes()
            file.tensors = [.init(type: type)]
            file.data = [UInt8](repeating: 0, count: 4096)
            #expect(throws: QAMError.self, "type \(type)") { try file.read() }
        }
    }
}

/// Counts the reads of a file.
private final class CountingSource: ByteSource, @unchecked Sendable {
    let name = "file"
    private let bytes: [UInt8]
    private(set) var reads = 0

    init(bytes: [UInt8]) { self.bytes = bytes }

    var byteCount: Int { bytes.count }

    func read(_ range: Range<Int>) throws -> [UInt8] {
        reads += 1
        return Array(bytes[range])
    }
}
