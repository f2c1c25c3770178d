import QAMFormat
import Testing

/// Views of tensors: the same bytes and weights in every access mode.
@Suite struct MappedReaderTests {
    @Test(arguments: [false, true], [false, true])
    func everyAccessGivesTheSame(compressesRaw: Bool, verifies: Bool) async throws {
        let folder = try TemporaryFolder()
        let source = try MemorySource.decodable()
        let path = folder.file("m.qamw")
        var options = ContainerOptions()
        options.compressesRaw = compressesRaw
        try await write(source, to: path, options: options)
        let modes = accessModes(path)
        #expect(modes.contains(.mapped) && modes.contains(.buffered))
        for mode in modes {
            let reader = try QAMReader(path: path, access: mode, verifiesPayload: verifies)
            #expect(reader.tensors == source.tensors)
            for (index, descriptor) in source.tensors.enumerated() {
                let view = try reader.tensor(named: descriptor.name)
                #expect(try payload(reader, index) == payload(source, index))
                #expect(try bits(view.floats()) == bits(expectedFloats(source, index)), "\(descriptor.name), \(mode)")
                let streams = try payload(source, index)
                if case .coded = view.descriptor.storage {
                    #expect(try view.withSymbols { equal($0, streams[0]) })
                    #expect(try view.withGains { equal($0, streams[1]) })
                    #expect(try streams.count == 2 || view.withStream(.channelScales) { equal($0, streams[2]) })
                    #expect(
                        try view.withRows(1..<3) { symbols, gains in
                            symbols.byteCount * (view.rows / 2) <= streams[0].count && gains.byteCount * view.rows == 2 * streams[1].count
                        })
                } else {
                    #expect(try view.withElements { equal($0, streams[0]) })
                }
            }
            #expect(try reader.files[0].read(0..<2) == Array("{}".utf8))
            #expect(try await reader.verify(threads: 2).problems.isEmpty)
        }
    }

    private func equal(_ span: RawSpan, _ bytes: [UInt8]) -> Bool {
        unsafe span.withUnsafeBytes { unsafe $0.elementsEqual(bytes) }
    }

    @Test func anyRangeOfRowsIsThePartOfTheWhole() async throws {
        let folder = try TemporaryFolder()
        let source = try MemorySource.decodable()
        try await write(source, to: folder.file("m"))
        let reader = try QAMReader(path: folder.file("m"), access: .mapped)
        for (index, descriptor) in source.tensors.enumerated() where descriptor.elementCount > 0 {
            let view = try reader.tensor(at: index)
            let whole = try bits(expectedFloats(source, index))
            let rows = view.rows, columns = view.columns
            let ranges = [
                0..<0, rows..<rows, 0..<1, rows - 1..<rows, rows / 2..<rows, 0..<rows, rows / 3..<min(rows, rows / 3 + 2),
            ]
            for range in ranges {
                var part = [Float](repeating: .nan, count: range.count * columns)
                var span = part.mutableSpan
                try view.dequantize(rows: range, into: &span)
                #expect(bits(part)[...] == whole[(range.lowerBound * columns)..<(range.upperBound * columns)], "\(view.name) \(range)")
            }
        }
    }

    /// Steps that split chunks of 1 MiB (11,915.6 rows of the first tensor) in every way.
    @Test(arguments: [1_000, 11_915, 11_916, 25_999], temporaryAccessModes)
    func streamingInStepsGivesTheWhole(step: Int, mode: AccessMode) async throws {
        let folder = try TemporaryFolder()
        let source = try MemorySource.decodable()
        try await write(source, to: folder.file("m"))
        let reader = try QAMReader(path: folder.file("m"), access: mode, verifiesPayload: step == 1_000)
        for name in ["big", "bf16"] {
            let view = try reader.tensor(named: name)
            var streamed: [UInt32] = []
            for start in stride(from: 0, to: view.rows, by: step) {
                streamed += try bits(view.floats(rows: start..<min(start + step, view.rows)))
            }
            #expect(try streamed == bits(expectedFloats(source, view.index)))
        }
    }

    @Test(arguments: DType.safetensors + DType.ggml)
    func spansConvertAsArraysDo(dtype: DType) throws {
        let bytes = (0..<48 * dtype.blockBytes).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ 11) }
        let expected = try ElementConversion.floats(bytes, as: dtype)
        var values = [Float](repeating: 0, count: expected.count + 2)
        var span = values.mutableSpan
        try unsafe ElementConversion.floats(bytes.span.bytes, as: dtype, into: &span, at: 1)
        #expect(bits(values) == [0] + bits(expected) + [0])
        func fails(at start: Int) -> Bool {
            var span = values.mutableSpan
            return (try? unsafe ElementConversion.floats(bytes.span.bytes, as: dtype, into: &span, at: start)) == nil
        }
        #expect(fails(at: 3) && fails(at: -1))
    }

    @Test func whatIsAskedForWronglyIsAnError() async throws {
        let folder = try TemporaryFolder()
        var source = try MemorySource.decodable(bigRows: 10)
        source.tensors.append(.init(name: "complex", shape: [2], storage: .raw(.c64)))
        source.tensors.append(.init(name: "blocks", shape: [2, 32], storage: .raw(DType.ggml[0])))
        try await write(source, to: folder.file("m"))
        let reader = try QAMReader(path: folder.file("m"), access: .mapped)
        func code(_ body: (QAMReader) throws -> Void) -> QAMError.Code? { #expect(throws: QAMError.self) { try body(reader) }?.code }
        func dequantize(_ name: String, _ rows: Range<Int>, count: Int) -> QAMError.Code? {
            code {
                var weights = [Float](repeating: 0, count: count)
                var span = weights.mutableSpan
                try $0.tensor(named: name).dequantize(rows: rows, into: &span)
            }
        }
        #expect(code { _ = try $0.tensor(named: "none") } == .notFound)
        #expect(code { _ = try $0.tensor(at: 12) } == .invalidArgument)
        #expect(code { _ = try $0.tensor(at: -1) } == .invalidArgument)
        #expect(dequantize("big", 0..<11, count: 11 * 128) == .invalidArgument)
        #expect(dequantize("big", -1..<1, count: 2 * 128) == .invalidArgument)
        #expect(dequantize("big", 0..<2, count: 255) == .invalidArgument)
        #expect(dequantize("complex", 0..<1, count: 2) == .unsupported)
        #expect(dequantize("blocks", 0..<1, count: 31) == .invalidArgument)
        #expect(code { try $0.tensor(named: "f32").withSymbols { _ in } } == .invalidArgument)
        #expect(code { try $0.tensor(named: "big").withStream(.channelScales) { _ in } } == .invalidArgument)
        #expect(code { try $0.tensor(named: "big").withElements { _ in } } == .invalidArgument)
        #expect(code { try $0.tensor(named: "nibbles").withElements(rows: 0..<1) { _ in } } == .invalidArgument)
        #expect(code { _ = try $0.read(9..<11, of: 0) } == .invalidArgument)
        #expect(try reader.tensor(named: "tied").withSymbols(rows: 9..<10) { $0.byteCount } == 88)
        #expect(try reader.tensor(named: "tied").coding?.bits == 5.5)
        #expect(try reader.tensor(named: "big").withCodebook { $0.byteCount } == source.shared.codebooks[0].bytes.count)
    }

    @Test func aViewKeepsTheFileOpen() async throws {
        let folder = try TemporaryFolder()
        let source = try MemorySource.decodable(bigRows: 10)
        for mode in [AccessMode.mapped, .buffered] {
            let path = folder.file("m")
            try await write(source, to: path, replacing: true)
            var reader: QAMReader? = try QAMReader(path: path, access: mode)
            weak let held = reader
            var view = try reader?.tensor(named: "big")
            reader = nil
            try SystemCalls.remove(path)
            #expect(held != nil)
            #expect(try bits(view?.floats() ?? []) == bits(expectedFloats(source, 0)))
            view = nil
            #expect(held == nil)
        }
    }

    @Test func manyThreadsReadOneView() async throws {
        let folder = try TemporaryFolder()
        let source = try MemorySource.decodable()
        try await write(source, to: folder.file("m"))
        let whole = try bits(expectedFloats(source, 0))
        for mode in accessModes(folder.file("m")) {
            let reader = try QAMReader(path: folder.file("m"), access: mode, verifiesPayload: true)
            let view = try reader.tensor(named: "big")
            let good = try await withThrowingTaskGroup(of: Bool.self) { group in
                for task in 0..<16 {
                    group.addTask {
                        let rows = task * 1500..<task * 1500 + 3000
                        return try bits(view.floats(rows: rows))[...] == whole[(rows.lowerBound * 128)..<(rows.upperBound * 128)]
                    }
                }
                return try await group.reduce(true) { $0 && $1 }
            }
            #expect(good)
        }
    }
}

/// The effect of opening on the file, and what opening refuses.
@Suite struct MappedOpeningTests {
    @Test(.enabled(if: residentBytesAreKnown)) func openingTouchesNoPayloadPage() async throws {
        let folder = try TemporaryFolder()
        let path = folder.file("m")
        try await write(MemorySource.decodable(), to: path)
        let reader = try QAMReader(path: path, access: .mapped)
        let view = try reader.tensor(named: "big")
        let opened = try #require(residentBytes(ofMapping: path))
        #expect(opened == 0, "no page of the mapping has been touched")
        // Summing the bytes reads all of them.
        #expect(try view.withSymbols(rows: 0..<1) { bytes in unsafe bytes.withUnsafeBytes { unsafe $0.reduce(0) { $0 + Int($1) } } } > 0)
        #expect((residentBytes(ofMapping: path) ?? 0) > 0, "the count sees what is touched")
    }

    @Test(arguments: [false, true])
    func openingReadsNoPayloadByte(verifies: Bool) async throws {
        let folder = try TemporaryFolder()
        try await write(MemorySource.decodable(), to: folder.file("m"))
        let counting = CountingBytes(try MappedBytes(path: folder.file("m")))
        let reader = try QAMReader(counting, verifiesPayload: verifies)
        let payload = reader.sections.filter { $0.known?.isChunked == true }
        #expect(payload.count == 4)
        for section in payload { #expect(counting.ranges.allSatisfy { !$0.overlaps(section.range) }, "\(section.name)") }
    }

    @Test func aCutFileIsRefusedBeforeItsMappingIsUsed() async throws {
        let folder = try TemporaryFolder()
        let path = folder.file("m")
        try await write(MemorySource.decodable(bigRows: 100), to: path)
        let length = try #require(try FileStatus(path)).byteCount
        for kept in [length - 1, length / 2, 64, 63, 0] {
            let descriptor = try SystemCalls.openWriting(path)
            try SystemCalls.truncate(descriptor, to: kept, path: path)
            SystemCalls.closeDescriptor(descriptor)
            for mode in accessModes(path) {
                #expect(#expect(throws: QAMError.self) { try QAMReader(path: path, access: mode) }?.code == .truncated)
            }
        }
    }

    /// With `pread`, a file that is truncated later gives an error. (In a mapping it would raise SIGBUS, as documented.)
    @Test func aFileThatIsCutWhileOpenIsAnErrorWhenBuffered() async throws {
        let folder = try TemporaryFolder()
        let path = folder.file("m")
        try await write(MemorySource.decodable(bigRows: 100), to: path)
        let reader = try QAMReader(path: path, access: .buffered)
        let descriptor = try SystemCalls.openWriting(path)
        try SystemCalls.truncate(descriptor, to: 4096, path: path)
        SystemCalls.closeDescriptor(descriptor)
        #expect(#expect(throws: QAMError.self) { try reader.tensor(named: "big").floats() }?.code == .truncated)
    }

    @Test func whatTheSystemRefusesIsAnError() async throws {
        struct Refusing: FaultInjector {
            let call: SystemCalls.Call
            func failure(of call: SystemCalls.Call) -> CInt? { call == self.call ? 22 : nil }
        }
        let folder = try TemporaryFolder()
        try await write(MemorySource(tensors: []), to: folder.file("m"))
        let refused: [(SystemCalls.Call, AccessMode)] = [(.map, .mapped), (.open, .direct), (.read, .mapped), (.read, .buffered)]
        for (call, mode) in refused {
            SystemCalls.$faults.withValue(Refusing(call: call)) {
                let error = #expect(throws: QAMError.self) { try QAMReader(path: folder.file("m"), access: mode) }
                #expect(error?.code == .io)
                #expect(error?.place.file == folder.file("m"))
            }
        }
        #expect(#expect(throws: QAMError.self) { try QAMReader(path: folder.file("none"), access: .mapped) }?.code == .notFound)
        #expect(#expect(throws: QAMError.self) { try QAMReader(path: folder.path, access: .mapped) }?.code == .notFound)
    }
}
