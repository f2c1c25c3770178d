import Quantization
import QAMFormat
import Testing

/// Valid and invalid descriptions of coded tensors in files.
@Suite struct CodecRegistryTests {
    private static func tensor(
        _ family: Code.Family = .octant, bits: Double = 5.5, scaled: Bool = false
    ) throws -> (coded: CodedTensor, encoder: RowEncoder) {
        let scales: [Float]? = scaled ? Array(repeating: 1, count: 96) : nil
        let encoder = try RowEncoder(family, bits, columns: 96, block: 32, seed: 77, gainType: .float16, scales: scales)
        return (CodedTensor(encoder, rows: 3, seed: 77), encoder)
    }

    private static func code(_ body: () throws -> Void) -> QAMError.Code? {
        do {
            try body()
            return nil
        } catch let error as QAMError {
            return error.code
        } catch {
            return nil
        }
    }

    @Test func descriptionTellsEverything() throws {
        let (coded, _) = try Self.tensor(.octant, bits: 3.5, scaled: true)
        let description = try CodecRegistry.describe(coded.descriptor, shared: coded.shared)
        #expect(description.codec == "qam-pairs")
        #expect(description.bits == 3.5)
        #expect(description.codebook == "octant")
        #expect(description.blockSize == 32)
        #expect(description.seed == 77)
        #expect(description.gainType == .float16)
        #expect(description.channelScales)
    }

    @Test func soundTensorsPass() throws {
        for scaled in [false, true] {
            for (family, bits) in everyCode where bits < 5 || family != .free {
                let (coded, encoder) = try Self.tensor(family, bits: bits, scaled: scaled)
                try CodecRegistry.validate(coded.descriptor, shared: coded.shared)
                let description = try CodecRegistry.describe(coded.descriptor, shared: coded.shared)
                #expect(description.code == encoder.layout.code && description.channelScales == scaled)
            }
        }
        let raw = TensorDescriptor(name: "raw", shape: [3], storage: .raw(.f32))
        try CodecRegistry.validate(raw, shared: SharedTables())
    }

    @Test func everyRuleIsChecked() throws {
        let (coded, _) = try Self.tensor()
        func check(
            _ expected: QAMError.Code, shape: [Int]? = nil, shared: SharedTables? = nil,
            _ change: (inout Coding) -> Void = { _ in }
        ) {
            var descriptor = coded.descriptor
            guard case .coded(var coding) = descriptor.storage else {
                Issue.record("the tensor is not coded")
                return
            }
            change(&coding)
            descriptor.storage = .coded(coding)
            descriptor.shape = shape ?? descriptor.shape
            do {
                try CodecRegistry.validate(descriptor, shared: shared ?? coded.shared)
                Issue.record("accepted \(coding) of \(descriptor.shape)")
            } catch let error as QAMError {
                #expect(error.code == expected)
                #expect(error.place.tensor == "test.weight")
            } catch {
                Issue.record(error)
            }
        }
        check(.unsupported) { $0.codec = CodecID(rawValue: 32_000) }
        check(.malformed) { $0.codec = .polarPairs }
        check(.malformed) { $0.codebook = nil }
        check(.malformed) { $0.codebook = 1 }
        check(.malformed) { $0.codebook = -1 }
        check(.malformed) { $0.seed = nil }
        check(.malformed) { $0.seed = 1 }
        check(.malformed) { $0.parameters = [] }
        check(.malformed) { $0.parameters.append(0) }
        check(.unsupported) { $0.parameters[0] = 3 }
        check(.malformed) { $0.parameters[0] = 1 }
        check(.malformed) { $0.parameters[1] = 7 }
        check(.malformed) { $0.parameters[1] = 0 }
        check(.malformed) { $0.parameters[1] = 11 }
        check(.malformed) { $0.parameters[2] = 0 }
        check(.malformed) { $0.parameters[2] = 6 }
        check(.malformed) { $0.parameters[2] = 16 }
        check(.unsupported) { $0.parameters[3] = 0 }
        check(.malformed) { $0.parameters[3] = 2 }
        check(.malformed) { $0.streams.removeLast() }
        check(.malformed) { $0.streams.swapAt(0, 1) }
        check(.malformed) { $0.streams[0].extent = .perRow(87) }
        check(.malformed) { $0.streams[0].extent = .whole(88) }
        check(.malformed) { $0.streams.append(StreamLayout(role: .channelScales, extent: .whole(96))) }
        check(.malformed) { $0.streams += Array(repeating: StreamLayout(role: .channelScales, extent: .whole(192)), count: 2) }
        check(.malformed, shape: [96])
        check(.malformed, shape: [3, 0])
        check(.malformed, shape: [0, 96])
        check(.malformed, shape: [3, 160])
        check(.limitExceeded, shape: [3, 1 << 25])
        var shared = coded.shared
        shared.codebooks[0].codec = .polarPairs
        check(.malformed, shared: shared)
        shared = coded.shared
        shared.codebooks[0].bytes.removeLast()
        check(.malformed, shared: shared)
    }

    @Test func badGainsAndScalesAreMalformed() throws {
        let (coded, encoder) = try Self.tensor(scaled: true)
        let symbols = [UInt8](repeating: 0xA5, count: encoder.layout.symbolBytes(rows: 3))
        let gain: [UInt8] = [0, 0x3C]
        let sound = TensorChunk(streams: [symbols, gain + gain + gain, []])
        #expect(try coded.decode(sound, scales: encoder.channelScaleBytes).count == 288)
        for bad: [UInt8] in [[0, 0xBC], [0, 0x7C], [1, 0x7C], [0, 0xFC], [0, 0x80]] {
            let chunk = TensorChunk(streams: [symbols, gain + gain + bad, []])
            #expect(Self.code { _ = try coded.decode(chunk, scales: encoder.channelScaleBytes) } == .malformed)
        }
        for bad: [UInt8] in [[0, 0], [0, 0xBC], [0, 0x7C], [1, 0x7C], [0xFF, 0x03]] {
            let scales = encoder.channelScaleBytes.dropLast(2) + bad
            #expect(Self.code { _ = try coded.decode(sound, scales: Array(scales)) } == .malformed)
        }
        for streams in [[symbols], [symbols, gain, []], [Array(symbols.dropLast()), gain + gain + gain, []]] {
            #expect(Self.code { _ = try coded.decode(TensorChunk(streams: streams), scales: encoder.channelScaleBytes) } == .invalidArgument)
        }
        #expect(Self.code { _ = try coded.decode(sound) } == .invalidArgument)
        #expect(Self.code { _ = try coded.decode(sound, scales: [0, 0x3C]) } == .invalidArgument)
    }

    @Test(arguments: everyCode.indices)
    func randomBytesNeverTrap(_ index: Int) throws {
        let (family, bits) = everyCode[index]
        var random = CodecRandom(seed: 7 + UInt64(index))
        let (coded, encoder) = try Self.tensor(family, bits: bits)
        let record = coded.shared.codebooks.first?.bytes ?? []
        // Damaged codebooks either throw or decode to arbitrary values.
        for round in 0..<40 {
            var bytes = record
            if !record.isEmpty {
                for _ in 0..<Int.random(in: 0...4, using: &random) {
                    bytes[Int.random(in: 0..<(round % 2 == 0 ? 8 : bytes.count), using: &random)] = UInt8.random(in: 0...255, using: &random)
                }
                if round % 8 == 7 { bytes.removeLast(Int.random(in: 0...bytes.count, using: &random)) }
            }
            var shared = coded.shared
            if !record.isEmpty { shared.codebooks[0].bytes = bytes }
            guard let decoder = try? CodecRegistry.decoder(for: coded.descriptor, shared: shared, wholeStreams: [[], []]) else {
                continue
            }
            let symbols = random.bytes(encoder.layout.symbolBytes(rows: 3))
            let weights = try? decoder.decode(TensorChunk(streams: [symbols, random.bytes(6)]), rows: 3)
            #expect(weights == nil || weights?.count == 288)
            // The product accepts whatever the decoder accepts.
            let product = try CodecRegistry.product(for: coded.descriptor, shared: shared, wholeStreams: [[], []])
            var out = [Float](repeating: 0, count: 3)
            try unsafe out.withUnsafeMutableBufferPointer { out in
                let start = try unsafe #require(out.baseAddress)
                unsafe product.multiply(
                    product.prepare(random.gaussian(96)), symbols: symbols.span.bytes, factors: [1, 2, 3].span, into: start, rowsApart: 3)
            }
        }
        for _ in 0..<200 { _ = try? Codebook(record: random.bytes(Int.random(in: 0...600, using: &random))) }
        for _ in 0..<200 { _ = try? PairParameters(bytes: random.bytes(4)) }
    }

    @Test func codesKnowTheirSizes() throws {
        #expect(Set(CodecRegistry.families.map(\.name)).count == CodecRegistry.families.count)
        for family in CodecRegistry.families {
            #expect(family.codes.contains(family.usual) && family.codes.map(\.rate) == Array(family.rates))
            for code in family.codes {
                #expect(try Code(family, bits: code.bits) == code)
                // Whole groups of sixteen columns use exactly their bits; fewer columns use at most as many.
                #expect(Double(code.groupBytes(columns: 160)) == 20 * code.bits * Double(code.family.groupRows))
                #expect(code.groupBytes(columns: 158) <= code.groupBytes(columns: 160))
            }
        }
        #expect(Code.Family.int8.usual.groupBytes(columns: 7) == 7)
        #expect(Code.Family.octant.usual.bits == 5.5 && Code.Family.polar.usual.bits == 5.5)
        #expect(Code.Family.int8.fits(columns: 7) && !Code.Family.polar.fits(columns: 7))
    }

    /// The rules of codecs 2 and 3; those that they share with codec 1 are checked above.
    @Test func theOtherCodecsRulesAreChecked() throws {
        func check(_ family: Code.Family, _ bits: Double, _ expected: QAMError.Code, _ change: (inout Coding) -> Void) throws {
            var (coded, _) = try Self.tensor(family, bits: bits)
            guard case .coded(var coding) = coded.descriptor.storage else { throw QAMError(.invalidArgument, "it is not coded") }
            change(&coding)
            coded.descriptor.storage = .coded(coding)
            #expect(Self.code { try CodecRegistry.validate(coded.descriptor, shared: coded.shared) } == expected, "\(coding)")
        }
        for rate: UInt8 in [3, 8, 14] { try check(.polar, 4.5, .malformed) { $0.parameters[0] = rate } }
        try check(.polar, 4.5, .malformed) { $0.parameters[1] = 1 }
        try check(.polar, 4.5, .malformed) { $0.parameters[2] = 6 }
        try check(.polar, 4.5, .unsupported) { $0.parameters[3] = 3 }
        try check(.polar, 4.5, .malformed) { $0.parameters.append(0) }
        try check(.polar, 4.5, .malformed) { $0.codebook = nil }
        try check(.polar, 4.5, .malformed) { $0.seed = nil }
        // The codebook belongs to another codec.
        try check(.polar, 4.5, .malformed) { ($0.codec, $0.parameters[0], $0.parameters[1]) = (.qamPairs, 1, 9) }
        try check(.int8, 8, .unsupported) { $0.parameters[0] = 4 }
        for byte in 1...2 { try check(.int8, 8, .malformed) { $0.parameters[byte] = 1 } }
        try check(.int8, 8, .unsupported) { $0.parameters[3] = 0 }
        try check(.int8, 8, .malformed) { $0.parameters.removeLast() }
        try check(.int8, 8, .malformed) { $0.codebook = 0 }
        try check(.int8, 8, .malformed) { $0.seed = 0 }
        try check(.int8, 8, .malformed) { $0.streams[0].extent = .perRow(95) }

        let polar = try PolarCodebook.builtIn(Code(.polar, bits: 4)).record
        func checkRecord(_ change: (inout [UInt8]) -> Void) {
            var bytes = polar
            change(&bytes)
            #expect(Self.code { _ = try PolarCodebook(record: bytes) } == .malformed)
        }
        #expect(try PolarCodebook(record: polar + [0]).record == polar, "a later version may have put more behind")
        checkRecord { $0.removeLast() }
        checkRecord { $0 = [] }
        checkRecord { $0[0] = 3 }
        checkRecord { $0[1] = 1 }
        checkRecord { $0[2] = 0 }
        checkRecord { $0[4] = 0 }
        checkRecord { $0[4] = 200 }
        checkRecord { $0[7] = 1 }
        checkRecord { $0[11] |= 0x80 }
        checkRecord { $0.replaceSubrange(12..<16, with: $0[8..<12]) }
        checkRecord { bytes in bytes.replaceSubrange(bytes.count - 4..<bytes.count, with: [0, 0, 0xC0, 0x7F]) }
    }

    @Test func codebookRulesAreChecked() throws {
        let octant = try Codebook.builtIn(Code(.octant, bits: 4)).record, free = try Codebook.builtIn(Code(.free, bits: 4)).record
        func check(_ record: [UInt8], _ expected: QAMError.Code, _ change: (inout [UInt8]) -> Void) {
            var bytes = record
            change(&bytes)
            #expect(Self.code { _ = try Codebook(record: bytes) } == expected)
        }
        check(octant, .malformed) { $0.removeLast() }
        #expect(Self.code { _ = try Codebook(record: octant + [0]) } == nil, "a later version may have put more behind")
        check(octant, .malformed) { $0 = [] }
        check(octant, .unsupported) { $0[0] = 0 }
        check(octant, .malformed) { $0[0] = 1 }
        check(octant, .malformed) { $0[1] = 11 }
        check(octant, .malformed) { $0[2] = 9 }
        check(octant, .malformed) { $0[3] = 1 }
        check(octant, .malformed) { $0[7] |= 0x80 }
        check(octant, .malformed) { $0.replaceSubrange(4..<8, with: [0, 0, 0, 0]) }
        check(octant, .malformed) { $0.replaceSubrange(4..<8, with: [0, 0, 0x80, 0x7F]) }
        check(octant, .malformed) { $0.replaceSubrange(8..<10, with: [1, 2]) }
        check(free, .malformed) { $0[4] = 1 }
        check(free, .malformed) { $0.replaceSubrange(8..<12, with: [0, 0, 0xC0, 0x7F]) }
        for family in CodecRegistry.families {
            for bits in [1, 2.25, 9, -1, .nan, .infinity] { #expect(Self.code { _ = try Code(family, bits: bits) } == .invalidArgument) }
        }
    }
}
