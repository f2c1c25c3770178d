import Converters
import QAMFormat
import Testing

/// Files that violate one rule each: the classes of llama.cpp's test-gguf.cpp and of published advisories.
@Suite struct GGUFHostileTests {
    private static func sound() -> GGUFBytes {
        var file = GGUFBytes()
        file.add("my_key_0", u32: 7)
        file.tensors = [.init(name: "my_tensor_0"), .init(name: "my_tensor_1", offset: 32)]
        file.data = [UInt8](repeating: 0, count: 64)
        return file
    }

    private func expectRefused(
        _ code: QAMError.Code..., sourceLocation: SourceLocation = #_sourceLocation, change: (inout GGUFBytes) -> Void
    ) {
        var file = Self.sound()
        change(&file)
        expectRefused(file.bytes, code, sourceLocation)
    }

    private func expectRefused(_ bytes: [UInt8], _ codes: [QAMError.Code], _ sourceLocation: SourceLocation) {
        do {
            _ = try GGUFHeader(reading: MemoryBytes(bytes, name: "file"))
            Issue.record("it was taken", sourceLocation: sourceLocation)
        } catch let error as QAMError {
            #expect(codes.contains(error.code), "\(error)", sourceLocation: sourceLocation)
            #expect(error.place.file == "file" && error.place.section != nil, "\(error)", sourceLocation: sourceLocation)
        } catch {
            Issue.record("\(error)", sourceLocation: sourceLocation)
        }
    }

    @Test func soundFilesAreTaken() throws {
        #expect(try Self.sound().read().isEmpty)
        #expect(try GGUFBytes().read().isEmpty)
        // Without tensors, padding is optional.
        #expect(try GGUFHeader(reading: MemoryBytes(GGUFBytes().header, name: "file")).warnings.isEmpty)
    }

    @Test func headers() {
        expectRefused(.malformed) { $0.magic = "FUGG" }
        expectRefused(.malformed) { $0.version = 0 }
        expectRefused(.unsupported) { $0.version = 1 }
        expectRefused(.unsupported) { $0.version = 4 }
        expectRefused(.unsupported) { $0.version = 0x0400_0000 }
        expectRefused(.unsupported, .truncated) { $0.version = 0x7FFF_FFFF }
        for count: UInt64 in [.max, 1 << 63, 1 << 62, 1_000_000] {
            expectRefused(.malformed, .truncated) { $0.tensorCount = count }
            expectRefused(.malformed, .truncated) { $0.pairCount = count }
        }
        let bytes = Self.sound().header
        for count in 0..<bytes.count { expectRefused(Array(bytes[..<count]), [.truncated, .malformed], #_sourceLocation) }
    }

    @Test func keys() {
        for length: UInt64 in [.max, 1 << 63, 1 << 40, 1000] { expectRefused(.truncated) { $0.pairs[0].keyLength = length } }
        expectRefused(.malformed) { $0.pairs[0].key = "" }
        expectRefused(.malformed) { $0.pairs[0].key = "a\0b" }
        expectRefused(.malformed) { $0.pairs.append($0.pairs[0]) }
        expectRefused(.limitExceeded) { $0.pairs[0].key = String(repeating: "k", count: 65536) }
        for type: UInt32 in [13, 14, 255, .max] { expectRefused(.malformed) { $0.pairs[0].type = type } }
    }

    @Test func values() {
        func array(_ type: UInt32, _ count: UInt64, _ bytes: [UInt8] = []) -> (inout GGUFBytes) -> Void {
            { $0.add("array", 9, $0.integer(type) + $0.integer(count) + bytes) }
        }
        for type in (0...12 as ClosedRange<UInt32>) where type != 9 {
            for count: UInt64 in [.max, 1 << 63, 1 << 61, 1 << 32] { expectRefused(.malformed, .truncated, change: array(type, count)) }
        }
        expectRefused(.malformed, change: array(13, 1, [0]))
        expectRefused(.malformed, change: array(.max, 0))
        expectRefused(.unsupported) { $0.add("nested", 9, $0.integer(UInt32(9)) + $0.integer(UInt64(1)) + $0.integer(UInt32(0)) + $0.integer(UInt64(1)) + [0]) }
        for length: UInt64 in [.max, 1 << 63, 1 << 40, 10_000] { expectRefused(.truncated) { $0.add("text", 8, $0.integer(length)) } }
        expectRefused(.malformed) { $0.add("text", 8, $0.integer(UInt64(2)) + [0xC3, 0x28]) }
        expectRefused(.malformed) { $0.add("truth", 7, [2]) }
    }

    @Test func alignments() {
        for value: UInt32 in [0, 3, 13, 33, .max] { expectRefused(.malformed) { $0.add("general.alignment", u32: value) } }
        expectRefused(.truncated) { $0.add("general.alignment", u32: 1 << 31) }
        expectRefused(.malformed) { $0.add("general.alignment", 5, $0.integer(Int32(32))) }
        expectRefused(.malformed) { $0.add("general.alignment", 10, $0.integer(UInt64(32))) }
        expectRefused(.malformed) { $0.add("general.alignment", 8, $0.string("32")) }
        // Tensors laid out with another alignment than the metadata state.
        expectRefused(.malformed) {
            $0.add("general.alignment", u32: 64)
            $0.alignment = 64
        }
    }

    @Test func names() throws {
        for length: UInt64 in [.max, 1 << 63, 1 << 40, 10_000] { expectRefused(.truncated) { $0.tensors[0].nameLength = length } }
        expectRefused(.malformed) { $0.tensors[1].name = "my_tensor_0" }
        expectRefused(.malformed) { $0.tensors[1].name = "a\0b" }
        expectRefused(.limitExceeded) { $0.tensors[1].name = String(repeating: "n", count: 65536) }
        var file = Self.sound()
        file.tensors[0].name = String(repeating: "n", count: 63)
        #expect(try file.read().isEmpty)
        file.tensors[0].name = String(repeating: "n", count: 64)
        #expect(try file.read().count == 1)
    }

    @Test func shapes() throws {
        for count: UInt32 in [5, 1_000_000, .max] { expectRefused(.malformed) { $0.tensors[0].dimensionCount = count } }
        for dimension: UInt64 in [.max, 1 << 63] { expectRefused(.malformed) { $0.tensors[0].dimensions = [dimension] } }
        for dimensions: [UInt64] in [
            [1 << 62, 4], [4 * 0x7FFF_FFFF, 4 * 0x7FFF_FFFF], [4_194_305, 4_194_305, 211_106_198_978_564], [1 << 62], [0, 1 << 62, 4],
            [4, 1_073_741_823, 1_073_741_825], [1 << 32, 1 << 32, 0],
        ] {
            expectRefused(.malformed) { $0.tensors[0].dimensions = dimensions }
        }
        expectRefused(.malformed) {
            $0.tensors[0].type = 27
            $0.tensors[0].dimensions = [1_533_916_891, 1_533_916_891]
        }
        // Two tensors with valid sizes whose sum overflows.
        expectRefused(.limitExceeded) {
            for index in 0..<2 {
                $0.tensors[index].type = 24
                $0.tensors[index].dimensions = [0x7FFF_FFFF_FFFF_FFC0]
            }
            $0.tensors[1].offset = 0x7FFF_FFFF_FFFF_FFC0
        }
        for dimensions: [UInt64] in [[4, 0], [0, 4], [0], [1, 0, 3, 4]] {
            var file = Self.sound()
            file.tensors = [.init(dimensions: dimensions)]
            file.data = []
            #expect(try file.read().isEmpty)
        }
    }

    @Test func places() throws {
        for offset: UInt64 in [.max, 1 << 63] { expectRefused(.malformed) { $0.tensors[1].offset = offset } }
        expectRefused(.truncated) { $0.tensors[1].offset = 1 << 40 }
        expectRefused(.truncated) { $0.tensors[1].offset = 0x7FFF_FFFF_FFFF_FFE0 }
        expectRefused(.malformed) { $0.tensors[1].offset = 16 }
        expectRefused(.malformed) { $0.tensors[1].offset = 0 }
        expectRefused(.truncated) { $0.data = [UInt8](repeating: 0, count: 47) }
        expectRefused(.truncated) { $0.data = [] }

        func warnings(_ change: (inout GGUFBytes) -> Void) throws -> Int {
            var file = Self.sound()
            change(&file)
            return try file.read().count
        }
        #expect(try warnings { $0.data.removeLast() } == 1)
        #expect(try warnings { $0.data.removeLast(16) } == 1)
        #expect(try warnings { $0.data += [0] } == 1)
        #expect(try warnings { $0.data += [UInt8](repeating: 0, count: 32) } == 1)
        #expect(
            try warnings { file in
                file.tensors[1].offset = 64
                file.data += [UInt8](repeating: 0, count: 32)
            } == 1)
        #expect(
            try warnings { file in
                file.tensors[0].offset = 32
                file.tensors[1].offset = 0
            } == 1)
    }

    @Test func damagedFilesNeverTrap() throws {
        var file = Self.sound()
        file.add("tokens", 9, file.integer(UInt32(8)) + file.integer(UInt64(3)) + ["a", "bc", ""].flatMap { file.string($0) })
        file.add("split.count", u16: 1)
        let bytes = file.bytes
        var random = SeededGenerator(state: 11), taken = 0, refused = 0
        for _ in 0..<20_000 {
            var damaged = bytes
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                damaged[Int.random(in: damaged.indices, using: &random)] =
                    [0, 1, 0x7F, 0x80, 0xFF, UInt8.random(in: 0...255, using: &random)]
                    .randomElement(using: &random) ?? 0
            }
            if Bool.random(using: &random) { damaged.removeLast(Int.random(in: 0...damaged.count, using: &random)) }
            do {
                let header = try GGUFHeader(reading: MemoryBytes(damaged, name: "file"))
                for entry in header.entries { #expect(header.dataStart + entry.offset + entry.byteCount <= damaged.count) }
                taken += 1
            } catch is QAMError {
                refused += 1
            }
        }
        #expect(taken > 1000 && refused > 1000, "\(taken) taken, \(refused) refused")
    }
}
