import Quantization
import QAMFormat
import Testing

/// Encoder and decoder against the reference implementation, bit for bit.
@Suite struct CodecRoundTripTests {
    /// Rows with and without whole groups, and block sizes that are even and odd powers of two.
    static let shapes: [(columns: Int, blockSize: Int)] = [
        (2, 2), (6, 2), (12, 4), (40, 8), (48, 16), (64, 64), (96, 32), (160, 32), (336, 16), (1024, 1024), (1536, 512),
    ]

    @Test(arguments: everyPairCode.indices)
    func arbitrarySymbolsDecodeAsTheSpecSays(_ index: Int) throws {
        let (family, bits) = everyPairCode[index]
        var random = CodecRandom(seed: UInt64(index))
        let search = try CodewordSearch(Codebook.builtIn(Code(family, bits: bits)))
        for (columns, blockSize) in Self.shapes {
            let seed = random.next(), rows = 3
            let scales = (0..<columns).map { _ in Half.float(from: UInt16.random(in: 0x2000...0x5000, using: &random)) }
            for scaled in [false, true] {
                let encoder = try RowEncoder(
                    PairCoder(search), columns: columns, blockSize: blockSize, seed: seed, gainType: .float32,
                    channelScales: scaled ? scales : nil)
                let symbolBytes = encoder.layout.groupBytes
                let symbols = random.bytes(rows * symbolBytes)
                let gains = (0..<rows).map { _ in Float.random(in: 0.001...4, using: &random) }
                var gainBytes: [UInt8] = []
                for gain in gains { _ = GainType.float32.append(gain, to: &gainBytes) }
                let weights = try CodedTensor(encoder, rows: rows, seed: seed)
                    .decode(TensorChunk(streams: [symbols, gainBytes, []]), scales: encoder.channelScaleBytes)

                let reference = CodecReference(
                    record: search.codebook.record, columns: columns, blockSize: blockSize, seed: seed)
                let expected = (0..<rows).flatMap { row in
                    reference.decode(
                        Array(symbols[row * symbolBytes..<(row + 1) * symbolBytes]), gain: gains[row],
                        scales: scaled ? scales : nil)
                }
                #expect(weights.map(\.bitPattern) == expected.map(\.bitPattern), "\(family) \(bits) \(columns)/\(blockSize)")
            }
        }
    }

    /// Trellises have their own search (CodecTrellisTests).
    @Test(arguments: CodecNearestTests.plain.indices)
    func rowsEncodeAsTheReferenceDoes(_ index: Int) throws {
        let (family, bits) = CodecNearestTests.plain[index]
        let codebook = try Codebook.builtIn(Code(family, bits: bits))
        var random = CodecRandom(seed: 100 + UInt64(index))
        let search = try CodewordSearch(codebook)
        for (columns, blockSize) in Self.shapes {
            let seed = random.next()
            let weights = random.gaussian(columns).map { $0 * 0.03 }
            let encoder = try RowEncoder(
                PairCoder(search), columns: columns, blockSize: blockSize, seed: seed, gainType: .float32, refit: false)
            let chunk = try encoder.encode(weights)
            let reference = CodecReference(record: codebook.record, columns: columns, blockSize: blockSize, seed: seed)
            let (z, gain) = reference.rotate(weights)
            #expect(GainType.float32.gain(0, in: chunk.streams[1]) == gain)
            #expect(chunk.streams[0] == reference.encode(z), "\(family) \(bits) \(columns)/\(blockSize)")
        }
    }

    @Test(arguments: everyCode.indices)
    func distortionIsWhatDecodingShows(_ index: Int) throws {
        let (family, bits) = everyCode[index]
        var random = CodecRandom(seed: 200 + UInt64(index))
        let rows = 5
        for (columns, blockSize) in [(80, 16), (1536, 512)] {
            let scales = (0..<columns).map { _ in Float.random(in: 0.5...2, using: &random) }
            let weights = random.gaussian(rows * columns).map { $0 * 0.02 }
            var normalized: [Double] = []
            for (gainType, refit, scaled) in [
                (GainType.float16, true, false), (.float32, true, false), (.float16, false, false), (.float16, true, true),
            ] {
                let encoder = try RowEncoder(
                    family, bits, columns: columns, block: blockSize, seed: 9, gainType: gainType, scales: scaled ? scales : nil, refit: refit)
                let chunk = try encoder.encode(weights)
                let decoded = try CodedTensor(encoder, rows: rows, seed: 9).decode(chunk, scales: encoder.channelScaleBytes)
                let error = zip(weights, decoded).reduce(0.0) { $0 + (Double($1.0) - Double($1.1)) * (Double($1.0) - Double($1.1)) }
                let distortion = try #require(chunk.distortion)
                #expect(abs(distortion.error - error) <= 1e-3 * error)
                normalized.append(distortion.normalized)
            }
            // A gain fitted by least squares is at least as good as the plain one.
            #expect(normalized[1] <= normalized[2] * 1.001)
        }
    }

    @Test func groupingOfRowsChangesNothing() throws {
        var random = CodecRandom(seed: 300)
        for (family, bits) in [(Code.Family.free, 5.5), (.octant, 5.5), (.octant, 3.5), (.octant, 2.0)] {
            let encoder = try RowEncoder(
                Coders.coder(Code(family, bits: bits)), columns: 96, blockSize: 32, seed: 1, gainType: .float16)
            let weights = random.gaussian(7 * 96)
            let together = try encoder.encode(weights)
            var apart: [[UInt8]] = [[], []]
            for row in 0..<7 {
                let chunk = try encoder.encode(Array(weights[row * 96..<(row + 1) * 96]))
                for stream in 0..<2 { apart[stream] += chunk.streams[stream] }
            }
            #expect(together.streams == apart)
        }
    }

    @Test func extremeRowsAreCodedOrRefused() throws {
        let search = try CodewordSearch(Codebook.builtIn(Code(.octant, bits: 5.5)))
        func encoder(_ gainType: GainType) throws -> RowEncoder {
            try RowEncoder(PairCoder(search), columns: 64, blockSize: 64, seed: 3, gainType: gainType)
        }
        let zeros = try encoder(.float16).encode(Array(repeating: 0, count: 64))
        #expect(zeros.streams.allSatisfy { $0.allSatisfy { $0 == 0 } })
        #expect(zeros.distortion == Distortion(error: 0, energy: 0))

        for scale: Float in [0x1p-145, 1e-30, 1e30, 1e36] {
            var random = CodecRandom(seed: 5)
            let weights = random.gaussian(64).map { $0 * scale }
            let float32 = try encoder(.float32)
            let decoded = try CodedTensor(float32, rows: 1, seed: 3).decode(float32.encode(weights))
            if scale > 1e-35 { #expect(zip(weights, decoded).allSatisfy { abs($0 - $1) < 0.2 * scale }) }
        }
        for bad: Float in [.nan, .infinity, -.infinity] {
            var weights = [Float](repeating: 1, count: 128)
            weights[100] = bad
            let error = #expect(throws: QAMError.self) { try encoder(.float32).encode(weights, firstRow: 10) }
            #expect(error?.code == .malformed)
            #expect(error?.message.contains("row 11") == true)
        }
        #expect(throws: QAMError.self) { try encoder(.float16).encode(Array(repeating: 1e6, count: 64)) }
    }

    @Test func gainScanPicksTheType() throws {
        let scan = try GainScan(.octant, columns: 4)
        func row(_ x: Float) -> [Float] { [x, -x, x, -x] }
        #expect(try scan.gainType(of: row(0) + row(1), firstRow: 0) == .float16)
        #expect(try scan.gainType(of: row(0x1p-13) + row(0x1p15), firstRow: 0) == .float16)
        #expect(try scan.gainType(of: row(1) + row(0x1p-14), firstRow: 0) == .float32)
        #expect(try scan.gainType(of: row(0x1.1p15), firstRow: 0) == .float32)
        #expect(try GainScan(.octant, columns: 4, channelScales: [4, 4, 4, 4]).gainType(of: row(0x1p14), firstRow: 0) == .float32)
        for bad: Float in [.nan, .infinity] {
            let error = #expect(throws: QAMError.self) { try scan.gainType(of: row(1) + row(bad), firstRow: 5) }
            #expect(error?.message.contains("row 6") == true)
        }
    }
}

extension GainScan {
    /// The gain type for rows of four weights.
    fileprivate func gainType(of weights: [Float], firstRow: Int) throws -> GainType {
        try gainType(rows: weights.count / 4, firstRow: firstRow) { row, target in
            for column in 0..<4 { target[column] = weights[4 * row + column] }
        }
    }
}
