import Quantization
import QAMFormat
import Testing

@Suite struct FeedbackTests {
    private static func encoder(
        _ family: Code.Family, _ bits: Double, columns: Int, block: Int, scales: [Float]? = nil, refit: Bool? = nil
    ) throws -> RowEncoder {
        try RowEncoder(family, bits, columns: columns, block: block, scales: scales, refit: refit)
    }

    private static func code(
        _ encoder: RowEncoder, _ weights: [Float], _ factor: FeedbackFactor, _ kernels: FeedbackKernels = .chosen
    ) throws -> TensorChunk {
        let columns = encoder.columns
        return try encoder.encode(rows: weights.count / columns, feedback: factor, kernels: kernels) { row, target in
            for column in 0..<columns { target[column] = weights[row * columns + column] }
        }
    }

    @Test(arguments: [(12, 4), (136, 8), (130, 2), (130, nil), (131, nil)])
    func theFactorIsThatOfItsDefinition(columns: Int, block: Int?) throws {
        let reference = FeedbackReference(columns: columns), rotation = block.map { Rotation(columns: columns, blockSize: $0, seed: 9) }
        let factor = try reference.factor(RowTransform(columns: columns, rotation: rotation), threads: 2)
        var v = reference.triangle(rotation)
        if columns % 2 == 1 {
            // The last column is paired with a padding column without error.
            for i in v.indices { v[i].append(0) }
            v.append(Array(repeating: 0, count: columns + 1))
        }
        for t in stride(from: 0, to: columns, by: 2) {
            let d = [v[t][t], v[t][t + 1], v[t + 1][t + 1]]
            for (k, value) in d.enumerated() { #expect(abs(Double(factor.metric[t / 2 * 3 + k]) * factor.unit - value) < 1e-5) }
            let group = t / 128 * 128, panel = factor.panelStart(group: group)
            for i in 0..<group + 128 {
                let first = i < t ? v[i][t] / d[0] : 0
                let second = i < t && d[2] > 0 ? (v[i][t + 1] - d[1] * first) / d[2] : 0
                #expect(abs(Double(factor.panels[panel + i * 128 + t - group]) - first) < 1e-4)
                #expect(abs(Double(factor.panels[panel + i * 128 + t + 1 - group]) - second) < 1e-4)
            }
        }
    }

    /// Pair by pair: the codeword nearest to the coordinates plus the fed-back errors of earlier pairs, by the Cholesky factor.
    @Test(arguments: [(Code.Family.free, 3.5), (.free, 5.5), (.octant, 5.5), (.octant, 6.5)])
    func plainCodesFollowTheirDefinition(family: Code.Family, bits: Double) throws {
        let columns = 208, encoder = try Self.encoder(family, bits, columns: columns, block: 16, refit: false)
        let reference = FeedbackReference(columns: columns)
        let factor = try reference.factor(encoder)
        var random = CodecRandom(seed: 3)
        let weights = random.gaussian(columns)
        let chunk = try Self.code(encoder, weights, factor)
        var coded = [Float](repeating: 0, count: columns)
        let symbols = chunk.streams[0]
        let search = try encoder.search, unit = search.codebook.unit
        Kernels.chosen.decode(symbols.span, with: search.codebook, into: &coded, at: 0..<columns)

        var z = weights
        let gain = GainType.float32.gain(0, in: chunk.streams[1]), norm = (weights.reduce(0) { $0 + Double($1) * Double($1) } / Double(columns)).squareRoot()
        #expect(gain > Float(norm) && gain < 1.2 * Float(norm))
        Kernels.chosen.rotate(&z, by: try encoder.rotation, inverseGain: 1 / Double(gain))
        var errors = [Float](repeating: 0, count: columns)
        for t in stride(from: 0, to: columns, by: 2) {
            let group = t / 128 * 128, panel = factor.panelStart(group: group) + t - group
            var target = [Double(z[t]), Double(z[t + 1])]
            for k in 0..<t { for c in 0..<2 { target[c] += Double(errors[k]) * Double(factor.panels[panel + 128 * k + c]) } }
            let chosen = (0..<2).map { Double(coded[t + $0] * unit) }
            func distance(_ x: Double, _ y: Double) -> Double { (target[0] - x) * (target[0] - x) + (target[1] - y) * (target[1] - y) }
            var least = Double.infinity
            for k in 0..<search.codebook.count {
                let x = Double(search.points[2 * k]), y = Double(search.points[2 * k + 1])
                if family == .free { least = min(least, distance(x, y)); continue }
                for (a, b) in [(x, y), (y, x)] { for sa in [-1.0, 1] { for sb in [-1.0, 1] { least = min(least, distance(sa * a, sb * b)) } } }
            }
            #expect(distance(chosen[0], chosen[1]) <= least + 1e-4)
            for c in 0..<2 { errors[t + c] = z[t + c] - coded[t + c] * unit }
        }
    }

    /// When every start state is tried, a plain search whose survivors carry their own targets finds no cheaper path.
    @Test(arguments: [4.5, 5.0])
    func trellisesFollowTheirDefinition(bits: Double) throws {
        let columns = 128, encoder = try Self.encoder(.octant, bits, columns: columns, block: 16, refit: false)
        let search = try encoder.search, codebook = search.codebook
        let factor = try FeedbackReference(columns: columns).factor(encoder)
        var random = CodecRandom(seed: 4)
        let weights = random.gaussian(columns)
        let chunk = try Self.code(encoder, weights, factor)
        let symbols = chunk.streams[0]
        var coded = [Float](repeating: 0, count: columns)
        Kernels.chosen.decode(symbols.span, with: codebook, into: &coded, at: 0..<columns)
        var z = weights
        let gain = GainType.float32.gain(0, in: chunk.streams[1]), norm = (weights.reduce(0) { $0 + Double($1) * Double($1) } / Double(columns)).squareRoot()
        #expect(gain > Float(norm) && gain < 1.2 * Float(norm))
        Kernels.chosen.rotate(&z, by: try encoder.rotation, inverseGain: 1 / Double(gain))

        var own = FeedbackPath(z), best = Double.infinity
        for t in 0..<64 { own.add(t, Double(coded[2 * t] * codebook.step), Double(coded[2 * t + 1] * codebook.step), z, factor) }
        let stride = codebook.rate, states = 256 >> stride
        for start in 0..<states {
            var survivors: [Int: FeedbackPath] = [start: FeedbackPath(z)]
            for t in 0..<64 {
                var next: [Int: FeedbackPath] = [:]
                for (state, survivor) in survivors {
                    for k in Swift.stride(from: state, to: 256, by: states) {
                        let (x, y) = survivor.unfolded(t, Double(search.points[2 * k]), Double(search.points[2 * k + 1]))
                        guard survivor.cost(t, x, y, factor) < next[k >> stride]?.total ?? .infinity else { continue }
                        var path = survivor
                        path.add(t, x, y, z, factor)
                        next[k >> stride] = path
                    }
                }
                survivors = next
            }
            best = min(best, survivors[start]?.total ?? .infinity)
        }
        #expect(abs(own.total - best) < 1e-4 * best)
    }

    @Test(arguments: everyCode)
    func outputsErrLessThanWithout(family: Code.Family, bits: Double) throws {
        // Whole groups and a short one, and a group that ends with an unused pair.
        for (columns, block) in [(256, 256), (176, 16), (140, 4), (24, 8)] {
            let encoder = try Self.encoder(family, bits, columns: columns, block: block)
            let reference = FeedbackReference(columns: columns)
            var random = CodecRandom(seed: 11)
            let weights = random.gaussian(8 * columns), tensor = CodedTensor(encoder, rows: 8, seed: 5)
            let fed = try tensor.decode(Self.code(encoder, weights, reference.factor(encoder)))
            let plain = try tensor.decode(encoder.encode(weights))
            #expect(reference.cost(weights, fed) < 0.9 * reference.cost(weights, plain), "\(columns) columns")
        }
    }

    @Test func scalesAreDividedOutOfTheMoments() throws {
        let columns = 160, scales = (0..<columns).map { 0.5 + Float($0 % 7) / 4 }
        let encoder = try Self.encoder(.octant, 4.5, columns: columns, block: 32, scales: scales)
        let reference = FeedbackReference(columns: columns)
        var random = CodecRandom(seed: 12)
        let weights = random.gaussian(8 * columns), tensor = CodedTensor(encoder, rows: 8, seed: 5)
        let chunk = try Self.code(encoder, weights, reference.factor(encoder))
        let fed = try tensor.decode(chunk, scales: encoder.channelScaleBytes)
        let plain = try tensor.decode(encoder.encode(weights), scales: encoder.channelScaleBytes)
        #expect(reference.cost(weights, fed) < 0.8 * reference.cost(weights, plain))
        let distortion = try #require(chunk.distortion)
        let error = zip(weights, fed).reduce(0) { $0 + Double($1.0 - $1.1) * Double($1.0 - $1.1) }
        #expect(abs(distortion.error - error) < 1e-5 * error)
    }

    @Test(arguments: [(Code.Family.free, 4.5), (.octant, 5.5), (.octant, 5.0), (.octant, 4.0), (.octant, 2.5), (.polar, 4.5), (.int8, 8)])
    func bytesDependOnNothingElse(family: Code.Family, bits: Double) throws {
        let columns = 200, encoder = try Self.encoder(family, bits, columns: columns, block: 8)
        let reference = FeedbackReference(columns: columns)
        var random = CodecRandom(seed: 13)
        let weights = random.gaussian(67 * columns)
        let truth = try Self.code(encoder, weights, reference.factor(encoder))
        for set in Kernels.InstructionSet.present {
            let kernels = try #require(FeedbackKernels(set)), rows = set.name == "scalar" ? 3 : 67
            let factor = try reference.factor(encoder, threads: 2, kernels)
            let chunk = try Self.code(encoder, Array(weights[..<(rows * columns)]), factor, kernels)
            #expect(chunk.streams[0] == Array(truth.streams[0].prefix(chunk.streams[0].count)), "\(set)")
            #expect(chunk.streams[1] == Array(truth.streams[1].prefix(4 * rows)), "\(set)")
        }
        let second = try Self.code(encoder, Array(weights[(40 * columns)...]), reference.factor(encoder))
        #expect(second.streams[0] == Array(truth.streams[0].suffix(second.streams[0].count)))
    }

    /// The scale of a model's activations has no effect, up to the limits of float32.
    @Test(arguments: [(Code.Family.free, 3.5), (.octant, 4.0), (.octant, 2.0)])
    func theSizeOfMomentsChangesNothing(family: Code.Family, bits: Double) throws {
        let columns = 200, encoder = try Self.encoder(family, bits, columns: columns, block: 8)
        var random = CodecRandom(seed: 15)
        let weights = random.gaussian(3 * columns)
        let truth = try Self.code(encoder, weights, FeedbackReference(columns: columns).factor(encoder))
        for exponent in [-100, 60, 110] {
            let factor = try FeedbackReference(columns: columns, exponent: exponent).factor(encoder)
            #expect(try Self.code(encoder, weights, factor).streams == truth.streams, "2^\(exponent)")
        }
    }

    /// A Hessian estimated from few vectors is damped more: the fewer vectors, the more is added to its diagonal.
    @Test func fewVectorsAreDampedMore() throws {
        let columns = 32, reference = FeedbackReference(columns: columns)
        let transform = RowTransform(columns: columns, rotation: Rotation(columns: columns, blockSize: 8, seed: 9))
        let pool = try WorkerPool(width: 1)
        func inputs(_ vectors: Int?) throws -> FeedbackFactor {
            try FeedbackFactor(transform, vectors: vectors, pool: pool, rows: reference.rows)
        }
        func outputs(_ vectors: Int?) throws -> OutputFactor {
            try OutputFactor(gains: Array(repeating: 1, count: columns), vectors: vectors, pool: pool, hessian: reference.rows)
        }
        #expect(try inputs(1 << 20).panels == inputs(nil).panels && outputs(1 << 20).fedVariance == outputs(nil).fedVariance)
        // With as many vectors as channels the diagonal is doubled.
        let mean = (0..<columns).reduce(0) { $0 + Double(reference.moments[$1 * columns + $1]) } / Double(columns)
        var doubled = reference.moments
        for i in 0..<columns { doubled[i * columns + i] += Float(0.99 / 1.01 * mean) }
        let other = try FeedbackFactor(transform, pool: pool) { Array(doubled[$0.lowerBound * columns..<$0.upperBound * columns]) }
        for (a, b) in zip(try inputs(columns).panels, other.panels) { #expect(abs(a - b) < 1e-4) }
        let strengths = try [4096, 256, 32, 4].map { try inputs($0).panels.reduce(0) { $0 + Double($1) * Double($1) } }
        #expect(zip(strengths, strengths.dropFirst()).allSatisfy { $0 > $1 })
        #expect(try outputs(4).fedVariance.reduce(0, +) < outputs(256).fedVariance.reduce(0, +))
    }

    @Test func zeroRowsAndDeadChannelsAreCoded() throws {
        let columns = 64, encoder = try Self.encoder(.octant, 4, columns: columns, block: 2)
        let reference = FeedbackReference(columns: columns, dead: [0, 1, 2, 3, 17, 62, 63])
        var random = CodecRandom(seed: 14)
        let weights = random.gaussian(columns) + [Float](repeating: 0, count: columns) + random.gaussian(columns)
        let chunk = try Self.code(encoder, weights, reference.factor(encoder))
        let decoded = try CodedTensor(encoder, rows: 3, seed: 5).decode(chunk)
        #expect(decoded[columns..<2 * columns].allSatisfy { $0 == 0 })
        #expect(decoded.allSatisfy(\.isFinite) && decoded[0] != 0)
        // If all inputs are zero, every code is equally good; the result is that of plain coding.
        let nothing = try FeedbackReference(columns: columns, dead: Set(0..<columns)).factor(encoder)
        #expect(nothing.panels.allSatisfy { $0 == 0 })
    }

    @Test func unsoundMomentsAreRefused() throws {
        let transform = RowTransform(columns: 16, rotation: Rotation(columns: 16, blockSize: 4, seed: 1)), pool = try WorkerPool(width: 1)
        func refused(_ change: (inout [Float]) -> Void) -> Bool {
            FeedbackReference.refuses(change) { _ = try FeedbackFactor(transform, pool: pool, rows: $0) }
        }
        #expect(!refused { _ in })
        #expect(refused { $0[37] = .nan })
        #expect(refused { $0[0] = .infinity })
        #expect(refused { for i in 0..<16 { $0[17 * i] = -1 } })
        #expect(
            refused {
                $0[1] = 1000; $0[16] = 1000
            })
    }
}
