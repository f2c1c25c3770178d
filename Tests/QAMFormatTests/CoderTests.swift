import Quantization
import QAMFormat
import Testing

/// The properties common to every family's coder, decoder and product.
@Suite struct CoderTests {
    /// A code of each family.
    static let codes: [(family: Code.Family, bits: Double)] = CodecRegistry.families.map { ($0, $0.usual.bits) }

    /// The same symbols, weights and products with every instruction set.
    @Test(arguments: codes)
    func everyInstructionSetGivesTheSame(family: Code.Family, bits: Double) throws {
        let columns = 336, rows = 9, coder = try Coders.coder(Code(family, bits: bits))
        var random = CodecRandom(seed: 5)
        let weights = random.gaussian(rows * columns), vectors = random.gaussian(3 * columns),
            symbols = random.bytes((rows + family.groupRows - 1) / family.groupRows * coder.code.groupBytes(columns: columns))
        var chunks: [TensorChunk] = [], decoded: [[UInt32]] = [], products: [[UInt32]] = []
        for set in Kernels.InstructionSet.present {
            let kernels = try #require(Kernels(set))
            let encoder = try RowEncoder(
                coder, columns: columns, blockSize: family.isRotated ? 16 : nil, seed: 1, gainType: .float16, kernels: kernels)
            let chunk = try encoder.encode(weights), tensor = CodedTensor(encoder, rows: rows, seed: 1)
            chunks.append(chunk)
            let arbitrary = TensorChunk(streams: [symbols, chunk.streams[1]])
            let decoder = try CodecRegistry.decoder(for: tensor.descriptor, shared: tensor.shared, wholeStreams: [[], []], kernels: kernels)
            decoded.append(try decoder.decode(arbitrary, rows: rows).map(\.bitPattern))
            let product = try CodecRegistry.product(for: tensor.descriptor, shared: tensor.shared, wholeStreams: [[], []], kernels: kernels)
            var out = [Float](repeating: 0, count: 3 * rows)
            let stored = chunk.streams[1]
            let gains = try unsafe encoder.layout.gains(in: stored.span.bytes, rows: rows).map { $0 * product.unit }
            try unsafe out.withUnsafeMutableBufferPointer { out in
                let start = try unsafe #require(out.baseAddress)
                unsafe product.multiply(product.prepare(vectors), symbols: symbols.span.bytes, factors: gains.span, into: start, rowsApart: rows)
            }
            products.append(out.map(\.bitPattern))
        }
        #expect(chunks.allSatisfy { $0.streams == chunks[0].streams && $0.distortion == chunks[0].distortion })
        #expect(decoded.allSatisfy { $0 == decoded[0] })
        #expect(products.allSatisfy { $0 == products[0] })
    }

    /// A group decoded by itself equals the group decoded within its row, which error feedback relies on.
    @Test(arguments: everyCode)
    func whatACoderSaysIsWhatAReaderSees(family: Code.Family, bits: Double) throws {
        let columns = 272, encoder = try RowEncoder(family, bits, columns: columns, block: 2, scales: (0..<columns).map { 1 + Float($0 % 3) })
        var random = CodecRandom(seed: 6)
        let weights = random.gaussian(columns), chunk = try encoder.encode(weights)
        var y = [Float](repeating: 0, count: columns)
        let symbols = chunk.streams[0]
        encoder.coder.decode(symbols.span, rows: 1, into: &y, kernels: .chosen)
        // The rotation of blocks of two is inverted by hand.
        let gain = GainType.float32.gain(0, in: chunk.streams[1])
        let decoded = try CodedTensor(encoder, rows: 1, seed: 5).decode(chunk, scales: encoder.channelScaleBytes)
        for pair in stride(from: 0, to: columns, by: 2) {
            var expected = [Double(y[pair]), Double(y[pair + 1])].map { $0 * Double(encoder.coder.unit) * Double(gain) }
            if let rotation = encoder.transform.rotation {
                let root = 0.5.squareRoot(), (a, b) = (expected[0], expected[1])
                expected = [(a + b) * root * (rotation.isNegated(pair) ? -1 : 1), (a - b) * root * (rotation.isNegated(pair + 1) ? -1 : 1)]
            }
            for c in 0..<2 {
                let value = expected[c] / Double(1 + (pair + c) % 3)
                #expect(abs(Double(decoded[pair + c]) - value) <= 1e-5 * (1 + value.magnitude))
            }
        }
    }

    /// Within one percent of the known errors of amplitude and phase codes.
    @Test(arguments: [(2, 1.1982e-1), (3, 3.4863e-2), (3.5, 1.8107e-2), (4, 9.2232e-3), (4.5, 4.6697e-3), (5, 2.3578e-3), (5.5, 1.1849e-3), (6, 5.9466e-4)])
    func polarCodesReachTheirBounds(bits: Double, expected: Double) throws {
        let columns = 4096, coder = try Coders.coder(Code(.polar, bits: bits))
        var random = CodecRandom(seed: 20_260_701), sum = 0.0
        var symbols = [UInt8](repeating: 0, count: coder.code.groupBytes(columns: columns)), y = [Float](repeating: 0, count: columns)
        let rows = 512
        for _ in 0..<rows {
            let z = random.gaussian(columns)
            coder.encode(z, rows: 1, into: &symbols, at: symbols.indices, kernels: .chosen)
            coder.decode(symbols.span, rows: 1, into: &y, kernels: .chosen)
            for j in 0..<columns { sum += (Double(z[j]) - Double(y[j])) * (Double(z[j]) - Double(y[j])) }
        }
        let error = sum / Double(rows * columns)
        #expect(abs(error / expected - 1) < 0.01, "\(error)")
    }

    /// The symbols select the nearest codeword; of equally near ones the lowest.
    @Test(arguments: Code.Family.polar.codes.map(\.bits))
    func polarSymbolsAreTheNearest(bits: Double) throws {
        let code = try Code(.polar, bits: bits), coder = try Coders.coder(code), codebook = try PolarCodebook.builtIn(code)
        var random = CodecRandom(seed: UInt64(code.rate))
        let columns = 512, z = random.gaussian(columns - 8).map { $0 * 1.3 } + [0, 0, 100, -1e6, 1e-30, 0, 0, 0.5]
        var symbols = [UInt8](repeating: 0, count: code.groupBytes(columns: columns)), y = [Float](repeating: 0, count: columns)
        coder.encode(z, rows: 1, into: &symbols, at: symbols.indices, kernels: .chosen)
        coder.decode(symbols.span, rows: 1, into: &y, kernels: .chosen)
        let used = codebook.amplitudes.count * codebook.directions.count / 2
        for pair in 0..<columns / 2 {
            func distance(_ x: Float, _ y: Float) -> Float { (z[2 * pair] - x) * (z[2 * pair] - x) + (z[2 * pair + 1] - y) * (z[2 * pair + 1] - y) }
            let points = codebook.table.points
            let distances = (0..<used).map { distance(points[2 * $0], points[2 * $0 + 1]) }
            let nearest = distances.indices.min { distances[$0] < distances[$1] } ?? 0
            #expect((y[2 * pair], y[2 * pair + 1]) == (points[2 * nearest], points[2 * nearest + 1]), "pair \(pair)")
        }
    }
}
