import Quantization
import QAMFormat
import Testing

/// Coding with error feedback into columns and rows.
@Suite struct OutputFeedbackTests {
    private static func encoder(
        _ family: Code.Family, _ bits: Double, columns: Int, block: Int, scales: [Float]? = nil, gains: GainType = .float32
    ) throws -> RowEncoder {
        try RowEncoder(family, bits, columns: columns, block: block, gainType: gains, scales: scales)
    }

    private static func code(
        _ encoder: RowEncoder, _ weights: [Float], _ inputs: FeedbackReference, _ outputs: FeedbackReference, scales: [Float]? = nil,
        threads: Int = 1, _ kernels: FeedbackKernels = .chosen
    ) throws -> TensorChunk {
        let columns = encoder.columns
        let factor = try inputs.factor(encoder)
        return try encoder.encodeAll(
            rows: weights.count / columns, feedback: factor, outputs: outputs.rows, pool: WorkerPool(width: threads), kernels: kernels
        ) { row, target in
            for column in 0..<columns { target[column] = weights[row * columns + column] }
        }
    }

    /// Rows with different norms.
    private static func weights(rows: Int, columns: Int, seed: UInt64) -> [Float] {
        var random = CodecRandom(seed: seed)
        return random.gaussian(rows * columns).enumerated().map { $1 * (0.5 + Float($0 / columns % 5) / 2) }
    }

    /// tr(G E H ET) for the errors E of decoded weights.
    private static func cost(_ weights: [Float], _ decoded: [Float], _ inputs: FeedbackReference, _ outputs: FeedbackReference) -> Double {
        let columns = inputs.columns, rows = outputs.columns
        let e = (0..<rows * columns).map { Double(weights[$0]) - Double(decoded[$0]) }
        var read = [Double](repeating: 0, count: rows * columns)
        for i in 0..<rows {
            for j in 0..<columns { for k in 0..<columns { read[i * columns + j] += e[i * columns + k] * Double(inputs.moments[k * columns + j]) } }
        }
        var sum = 0.0
        for i in 0..<rows {
            for k in 0..<rows {
                var product = 0.0
                for j in 0..<columns { product += e[i * columns + j] * read[k * columns + j] }
                sum += Double(outputs.moments[i * rows + k]) * product
            }
        }
        return sum
    }

    @Test(arguments: [1, 31, 70])
    func theFactorIsThatOfItsDefinition(rows: Int) throws {
        let reference = FeedbackReference(columns: rows), gains = (0..<rows).map { Float(1 + $0 * 7 % 5) }
        let factor = try OutputFactor(gains: gains, pool: WorkerPool(width: 2), hessian: reference.rows)
        let costs = factor.order.map { Double(reference.moments[$0 * rows + $0]) * Double(gains[$0]) * Double(gains[$0]) }
        #expect(Set(factor.order).count == rows && zip(costs, costs.dropFirst()).allSatisfy { $0 >= $1 })
        var g = factor.order.map { a in factor.order.map { Double(reference.moments[a * rows + $0]) * Double(gains[a]) * Double(gains[$0]) } }
        let added = OutputFactor.dampingShare * costs.reduce(0, +) / Double(rows)
        for i in 0..<rows { g[i][i] += added }
        // U is upper triangular: G = U UT.
        let u = FeedbackReference.upperFactor(g)
        // The rows of U's inverse, normalised as U's rows are, determine how the coding noise accumulates.
        var errors = 0.0
        for i in 0..<rows {
            var inverse = [Double](repeating: 0, count: rows)
            inverse[i] = 1
            for k in stride(from: i - 1, through: 0, by: -1) {
                for l in k + 1...i { inverse[k] -= inverse[l] * u[k][l] / u[l][l] }
                #expect(abs(Double(factor.coefficient(row: i, of: k)) - u[k][i] / u[i][i]) < 1e-4)
            }
            let variance = inverse.reduce(0) { $0 + $1 * $1 }
            #expect(abs(factor.fedVariance[i] + 1 - variance) < 0.6 * variance)
            errors += variance
        }
        let damped = (0..<rows).reduce(0) { $0 + u[$1][$1] * u[$1][$1] }
        #expect(factor.noiseGain > 0 && abs(factor.noiseGain - damped + added * errors) < 0.2 * (damped - added * errors))
    }

    /// Row by row, pair by pair: the codeword nearest to the coordinates plus the fed-back errors of earlier pairs in the row and the remaining
    /// errors of earlier rows.
    @Test(arguments: [(Code.Family.free, 3.5), (.free, 2), (.octant, 5.5)])
    func plainCodesFollowTheirDefinition(family: Code.Family, bits: Double) throws {
        let columns = 144, rows = 37, encoder = try Self.encoder(family, bits, columns: columns, block: 16)
        let inputs = FeedbackReference(columns: columns), outputs = FeedbackReference(columns: rows)
        let weights = Self.weights(rows: rows, columns: columns, seed: 3)
        let chunk = try Self.code(encoder, weights, inputs, outputs, threads: 2)
        let factor = try inputs.factor(encoder)
        let base = (0..<rows).map { row in
            Float((weights[row * columns..<(row + 1) * columns].reduce(0) { $0 + Double($1) * Double($1) } / Double(columns)).squareRoot())
        }
        let output = try OutputFactor(gains: base, pool: WorkerPool(width: 1), hessian: outputs.rows)
        let symbolBytes = chunk.streams[0].count / rows, search = try encoder.search, unit = search.codebook.unit
        var left = [[Double]](repeating: [], count: rows)
        for (place, row) in output.order.enumerated() {
            let gain = GainType.float32.gain(row, in: chunk.streams[1]), widening = Double(gain) / Double(base[row])
            #expect(widening >= 1 && widening <= 2)
            var z = Array(weights[row * columns..<(row + 1) * columns])
            Kernels.chosen.rotate(&z, by: try encoder.rotation, inverseGain: 1 / Double(gain))
            var coded = [Float](repeating: 0, count: columns)
            let symbols = Array(chunk.streams[0][row * symbolBytes..<(row + 1) * symbolBytes])
            Kernels.chosen.decode(symbols.span, with: search.codebook, into: &coded, at: 0..<columns)
            var errors = [Double](repeating: 0, count: columns)
            left[place] = errors
            for t in stride(from: 0, to: columns, by: 2) {
                let group = t / 128 * 128, panel = factor.panelStart(group: group) + t - group
                var target = [Double(z[t]), Double(z[t + 1])], moved = [0.0, 0.0]
                for c in 0..<2 {
                    for k in 0..<t { target[c] += errors[k] * Double(factor.panels[panel + 128 * k + c]) }
                    for k in 0..<place { moved[c] += Double(output.coefficient(row: place, of: k)) * left[k][t + c] / widening }
                    target[c] += moved[c]
                }
                func distance(_ x: Double, _ y: Double) -> Double { (target[0] - x) * (target[0] - x) + (target[1] - y) * (target[1] - y) }
                var least = Double.infinity
                for k in 0..<search.codebook.count {
                    let x = Double(search.points[2 * k]), y = Double(search.points[2 * k + 1])
                    if family == .free { least = min(least, distance(x, y)); continue }
                    for (a, b) in [(x, y), (y, x)] { for sa in [-1.0, 1] { for sb in [-1.0, 1] { least = min(least, distance(sa * a, sb * b)) } } }
                }
                #expect(distance(Double(coded[t] * unit), Double(coded[t + 1] * unit)) <= least + 1e-3)
                for c in 0..<2 {
                    let codeword = Double(coded[t + c] * unit)
                    errors[t + c] = Double(z[t + c]) - codeword
                    left[place][t + c] = (target[c] - codeword - moved[c]) * widening
                }
            }
        }
    }

    @Test(arguments: everyCode)
    func predictionsErrLessThanWithColumnsAlone(family: Code.Family, bits: Double) throws {
        for (rows, columns, block) in [(64, 128, 128), (45, 176, 16), (3, 24, 8)] {
            let encoder = try Self.encoder(family, bits, columns: columns, block: block)
            let inputs = FeedbackReference(columns: columns), outputs = FeedbackReference(columns: rows)
            let weights = Self.weights(rows: rows, columns: columns, seed: 11), tensor = CodedTensor(encoder, rows: rows, seed: 5)
            let both = try tensor.decode(Self.code(encoder, weights, inputs, outputs))
            let columnsOnly = try tensor.decode(
                encoder.encode(rows: rows, feedback: inputs.factor(encoder)) { row, target in
                    for column in 0..<columns { target[column] = weights[row * columns + column] }
                })
            // The outputs of adjacent rows correlate, which codes of several rows together can hardly use.
            let limit = rows <= 3 ? 1.1 : family.groupRows > 1 ? 1.15 : 0.75
            #expect(Self.cost(weights, both, inputs, outputs) < limit * Self.cost(weights, columnsOnly, inputs, outputs), "\(rows) x \(columns)")
        }
    }

    /// Half of tr(G E H ET), estimated while coding: without damping, and for the rows' own units.
    @Test(arguments: [(Code.Family.free, 3.5), (.octant, 5.5), (.octant, 3), (.polar, 3), (.int8, 8), (.trellis, 3)])
    func divergenceIsThatOfTheErrors(family: Code.Family, bits: Double) throws {
        let rows = 96, columns = 256, encoder = try Self.encoder(family, bits, columns: columns, block: 128)
        let inputs = FeedbackReference(columns: columns), outputs = FeedbackReference(columns: rows)
        let weights = Self.weights(rows: rows, columns: columns, seed: 17), tensor = CodedTensor(encoder, rows: rows, seed: 5)
        func check(_ chunk: TensorChunk, _ outputs: FeedbackReference, within limit: Double) throws {
            let exact = try Self.cost(weights, tensor.decode(chunk), inputs, outputs) / 2, found = try #require(chunk.distortion?.divergence)
            #expect(abs(found / exact - 1) < limit, "\(found), and is \(exact)")
        }
        try check(Self.code(encoder, weights, inputs, outputs), outputs, within: 0.25)
        // Into columns only, the costs of outputs are independent of each other.
        let costs = (0..<rows).map { outputs.moments[$0 * rows + $0] }
        var independent = FeedbackReference(columns: rows)
        for i in 0..<rows { for j in 0..<rows where i != j { independent.moments[i * rows + j] = 0 } }
        let chunk = try encoder.encode(rows: rows, feedback: inputs.factor(encoder), outputCosts: costs) { row, target in
            for column in 0..<columns { target[column] = weights[row * columns + column] }
        }
        try check(chunk, independent, within: 0.01)
        let unknown = try encoder.encode(rows: rows, feedback: inputs.factor(encoder)) { row, target in
            for column in 0..<columns { target[column] = weights[row * columns + column] }
        }
        #expect(unknown.streams == chunk.streams && unknown.distortion?.divergence == nil)
    }

    @Test(arguments: [(Code.Family.free, 4.5), (.octant, 5.5), (.octant, 4.0), (.octant, 2.5), (.polar, 3), (.int8, 8)])
    func bytesDependOnNothingElse(family: Code.Family, bits: Double) throws {
        let columns = 392, rows = 101, encoder = try Self.encoder(family, bits, columns: columns, block: 8)
        let inputs = FeedbackReference(columns: columns), outputs = FeedbackReference(columns: rows)
        let weights = Self.weights(rows: rows, columns: columns, seed: 13)
        let truth = try Self.code(encoder, weights, inputs, outputs)
        for set in Kernels.InstructionSet.present {
            let kernels = try #require(FeedbackKernels(set))
            let chunk = try Self.code(encoder, weights, inputs, outputs, threads: 3, kernels)
            #expect(chunk.streams == truth.streams && chunk.distortion == truth.distortion, "\(set)")
        }
    }

    @Test(arguments: [GainType.float16, .float32])
    func distortionIsThatOfTheDecodedWeights(gains: GainType) throws {
        let columns = 160, rows = 33, scales = (0..<columns).map { 0.5 + Float($0 % 7) / 4 }
        let inputs = FeedbackReference(columns: columns), outputs = FeedbackReference(columns: rows)
        let weights = Self.weights(rows: rows, columns: columns, seed: 12)
        for scales in [nil, scales] {
            let encoder = try Self.encoder(.octant, 3.5, columns: columns, block: 32, scales: scales, gains: gains)
            let chunk = try Self.code(encoder, weights, inputs, outputs, scales: scales)
            let decoded = try CodedTensor(encoder, rows: rows, seed: 5).decode(chunk, scales: encoder.channelScaleBytes)
            let distortion = try #require(chunk.distortion)
            let error = zip(weights, decoded).reduce(0) { $0 + Double($1.0 - $1.1) * Double($1.0 - $1.1) }
            #expect(abs(distortion.error - error) < 1e-4 * error)
            #expect(abs(distortion.energy - weights.reduce(0) { $0 + Double($1) * Double($1) }) < 1e-6 * distortion.energy)
        }
    }

    @Test func zeroRowsAndDeadOutputsAreCoded() throws {
        let columns = 64, rows = 40, encoder = try Self.encoder(.octant, 4, columns: columns, block: 2)
        let inputs = FeedbackReference(columns: columns, dead: [0, 1, 17]), outputs = FeedbackReference(columns: rows, dead: [2, 3, 39])
        var weights = Self.weights(rows: rows, columns: columns, seed: 14)
        for j in 5 * columns..<7 * columns { weights[j] = 0 }
        let decoded = try CodedTensor(encoder, rows: rows, seed: 5).decode(Self.code(encoder, weights, inputs, outputs))
        #expect(decoded[5 * columns..<7 * columns].allSatisfy { $0 == 0 })
        #expect(decoded.allSatisfy(\.isFinite) && decoded[2 * columns] != 0)
        // If no output has any influence, each row is coded by itself.
        let nothing = try OutputFactor(
            gains: Array(repeating: 1, count: rows), pool: WorkerPool(width: 1), hessian: FeedbackReference(columns: rows, dead: Set(0..<rows)).rows)
        #expect((1..<rows).allSatisfy { nothing.coefficient(row: $0, of: $0 - 1) == 0 } && nothing.order == Array(0..<rows))
    }

    @Test func unsoundMomentsAreRefused() throws {
        let pool = try WorkerPool(width: 1)
        func refused(_ change: (inout [Float]) -> Void) -> Bool {
            FeedbackReference.refuses(change) { _ = try OutputFactor(gains: Array(repeating: 1, count: 16), pool: pool, hessian: $0) }
        }
        #expect(!refused { _ in })
        #expect(refused { $0[37] = .nan })
        #expect(refused { $0[0] = .infinity })
        #expect(refused { for i in 0..<16 { $0[17 * i] = -1 } })
        #expect(
            refused {
                $0[1] = 1000; $0[16] = 1000
            })
        let encoder = try Self.encoder(.octant, 4, columns: 32, block: 2), inputs = FeedbackReference(columns: 32)
        var weights = Self.weights(rows: 16, columns: 32, seed: 1)
        weights[3 * 32] = .nan
        let error = #expect(throws: QAMError.self) { try Self.code(encoder, weights, inputs, FeedbackReference(columns: 16)) }
        #expect(error?.code == .malformed && error?.message.contains("row 3") == true)
    }

    @Test func costsAreThoseOfTheMoments() throws {
        let columns = 152, reference = FeedbackReference(columns: columns), scales = (0..<columns).map { 0.5 + Float($0 % 3) / 4 }
        for scales in [nil, scales] {
            let encoder = try Self.encoder(.octant, 4.5, columns: columns, block: 8, scales: scales)
            let weights = Self.weights(rows: 5, columns: columns, seed: 2)
            for factor in [nil, try reference.factor(encoder)] {
                let errors = try encoder.errors(coding: weights, feedback: factor)
                let costs = try reference.factor(encoder).costs(of: encoder.coordinates(errors))
                let truth = reference.cost(errors, Array(repeating: 0, count: errors.count))
                #expect(abs(costs.reduce(0, +) - truth) < 1e-3 * truth)
            }
        }
    }
}
