import QAMFormat
import Testing

/// Stored bytes by parts and ranges, and weights converted to other element types.
@Suite struct TensorPartTests {
    private static func copy(_ view: TensorView, _ part: TensorPart, _ range: Range<Int>? = nil) throws -> [UInt8] {
        try view.withBytes(of: part, range) { bytes in unsafe bytes.withUnsafeBytes { unsafe Array($0) } }
    }

    @Test func partsAreTheBytesOfTheFile() async throws {
        let folder = try TemporaryFolder()
        let path = folder.file("m")
        let source = try MemorySource.decodable(bigRows: 7)
        try await write(source, to: path)
        for mode in accessModes(path) {
            let reader = try QAMReader(path: path, access: mode)
            for (index, tensor) in source.tensors.enumerated() {
                let view = try reader.tensor(at: index)
                #expect(view.isMapped == (mode == .mapped))
                switch view.descriptor.storage {
                case .raw:
                    let stored = try source.read(0..<tensor.byteCount, of: view.index).streams[0]
                    #expect(try Self.copy(view, .elements) == stored)
                    #expect(try view.byteCount(of: .elements) == stored.count)
                    #expect(throws: QAMError.self) { try view.byteCount(of: .codebook) }
                    #expect(throws: QAMError.self) { try view.byteCount(of: .stream(.symbols)) }
                case .coded(let coding):
                    let streams = try reader.read(0..<view.rows, of: view.index).streams
                    for (stream, layout) in coding.streams.enumerated() {
                        let stored = if case .whole = layout.extent { try reader.readWhole(stream: stream, of: view.index) } else { streams[stream] }
                        #expect(try Self.copy(view, .stream(layout.role)) == stored)
                        #expect(try Self.copy(view, .stream(layout.role), 1..<stored.count) == Array(stored[1...]))
                        for range in [0..<stored.count + 1, -1..<1] {
                            #expect(throws: QAMError.self) { try Self.copy(view, .stream(layout.role), range) }
                        }
                    }
                    let record = reader.shared.codebooks[try #require(coding.codebook)].bytes
                    #expect(try Self.copy(view, .codebook) == record)
                    #expect(try Self.copy(view, .codebook, 3..<9) == Array(record[3..<9]))
                    #expect(throws: QAMError.self) { try view.byteCount(of: .elements) }
                    #expect(throws: QAMError.self) { try Self.copy(view, .stream(StreamRole(rawValue: 9))) }
                case .alias, .unreadable: Issue.record("a view shows an alias's target")
                }
            }
        }
    }

    @Test func weightsAsOtherTypesAreTheRoundedFloats() async throws {
        let folder = try TemporaryFolder()
        let path = folder.file("m")
        // More than one chunk of 2,049 rows.
        try await write(MemorySource.decodable(bigRows: 5_000), to: path)
        let view = try QAMReader(path: path, access: .mapped).tensor(named: "big")
        for dtype in [DType.f32, .f16, .bf16, .f64] {
            let expected = try ElementConversion.bytes(view.floats(rows: 3..<4_999), as: dtype)
            var bytes = [UInt8](repeating: 0xEE, count: expected.count + 1)
            var elements = bytes.mutableSpan
            var span = unsafe elements.mutableBytes
            try view.dequantize(rows: 3..<4_999, as: dtype, into: &span)
            #expect(bytes.dropLast() == expected[...] && bytes.last == 0xEE)
            #expect(throws: QAMError.self) { try Self.dequantize(view, 0..<2, dtype, room: expected.count / 4_996 * 2 - 1) }
        }
        #expect(throws: QAMError.self) { try Self.dequantize(view, 0..<1, .i32, room: 4_096) }
        #expect(throws: QAMError.self) { try Self.dequantize(view, 4_999..<5_001, .f16, room: 4_096) }
    }

    private static func dequantize(_ view: TensorView, _ rows: Range<Int>, _ dtype: DType, room: Int) throws {
        var bytes = [UInt8](repeating: 0, count: room)
        var elements = bytes.mutableSpan
        var span = unsafe elements.mutableBytes
        try view.dequantize(rows: rows, as: dtype, into: &span)
    }
}
