import Quantization
import QAMFormat
import Testing

/// The trellis codec: what differs from codecs whose rows are coded one by one.
@Suite struct TrellisTests {
    private static func encoder(
        _ bits: Double, columns: Int, block: Int = 16, gainType: GainType = .float16, scales: [Float]? = nil, effort: Effort = .fast
    ) throws -> RowEncoder {
        try RowEncoder(
            Coders.coder(Code(.trellis, bits: bits), effort: effort), columns: columns, blockSize: block, seed: 5, gainType: gainType, channelScales: scales)
    }

    /// Any rows decode as they do with all others, from any place in their group.
    @Test(arguments: [(1, 48), (15, 80), (16, 32), (37, 96)], [false, true])
    func rowsAreFoundInTheirGroups(shape: (rows: Int, columns: Int), scaled: Bool) async throws {
        let (rows, columns) = shape, folder = try TemporaryFolder(), path = folder.file("m.qamw")
        let encoder = try Self.encoder(3.5, columns: columns, scales: scaled ? (0..<columns).map { 0.5 + Float($0 % 5) } : nil)
        var random = CodecRandom(seed: 3)
        var streams = try encoder.encode(random.gaussian(rows * columns)).streams
        if scaled { streams[2] = encoder.channelScaleBytes }
        let tensor = CodedTensor(encoder, rows: rows, seed: 5), stored = streams
        var source = MemorySource(tensors: [.init(name: "w", shape: [rows, columns], storage: tensor.descriptor.storage)])
        source.shared = tensor.shared
        source.byte = { _, stream, position in stored[stream][position] }
        try await write(source, to: path)
        let reader = try QAMReader(path: path, access: .mapped, verifiesPayload: true), view = try reader.tensor(named: "w")
        let whole = try tensor.decode(TensorChunk(streams: [stored[0], stored[1]] + (scaled ? [[]] : [])), scales: encoder.channelScaleBytes)
        for first in 0..<rows {
            for end in first + 1...rows {
                #expect(try view.floats(rows: first..<end) == Array(whole[first * columns..<end * columns]), "rows \(first) to \(end)")
            }
        }
        #expect(reader.granule(of: 0) == 16)
        #expect(try reader.read(0..<rows, of: 0).streams[0] == stored[0])
    }

    /// Rows of zeros decode to zeros, wherever they lie in a group, with feedback too.
    @Test func rowsOfZerosStayZero() throws {
        let columns = 160, rows = 33, encoder = try Self.encoder(2.5, columns: columns), reference = FeedbackReference(columns: columns)
        let outputs = FeedbackReference(columns: rows), zeros = [0, 7, 20, 32]
        var random = CodecRandom(seed: 8)
        var weights = random.gaussian(rows * columns)
        for row in zeros { for j in row * columns..<(row + 1) * columns { weights[j] = 0 } }
        let given = weights, tensor = CodedTensor(encoder, rows: rows, seed: 5)
        let factor = try reference.factor(encoder)
        let chunks = [
            try encoder.encode(given),
            try encoder.encode(rows: rows, feedback: factor) { row, target in for j in 0..<columns { target[j] = given[row * columns + j] } },
            try encoder.encodeAll(rows: rows, feedback: factor, outputs: outputs.rows, pool: WorkerPool(width: 2)) { row, target in
                for j in 0..<columns { target[j] = given[row * columns + j] }
            },
        ]
        for chunk in chunks {
            let decoded = try tensor.decode(chunk)
            for row in 0..<rows { #expect(decoded[row * columns..<(row + 1) * columns].allSatisfy { $0 == 0 } == zeros.contains(row)) }
            let distortion = try #require(chunk.distortion)
            var error = 0.0
            for (one, other) in zip(given, decoded) { error += Double(one - other) * Double(one - other) }
            #expect(abs(distortion.error - error) < 1e-4 * error)
        }
    }

    /// Mean squared errors on the unit Gaussian, within five percent of what the search reaches on many samples.
    @Test(arguments: [
        (Effort.fast, 2.0, 7.27e-2), (.fast, 4, 5.01e-3), (.normal, 4, 4.72e-3), (.normal, 5.5, 6.42e-4), (.best, 4, 4.45e-3), (.best, 5.5, 5.92e-4),
    ])
    func codesReachTheirErrors(effort: Effort, bits: Double, expected: Double) throws {
        let columns = 1024, rows = 32, coder = try Coders.coder(Code(.trellis, bits: bits), effort: effort)
        var random = CodecRandom(seed: 20_261_201)
        let z = random.gaussian(rows * columns)
        var symbols = [UInt8](repeating: 0, count: coder.code.groupBytes(columns: columns)), y = [Float](repeating: 0, count: 16 * columns)
        var error = 0.0, energy = 0.0
        for start in stride(from: 0, to: rows * columns, by: 16 * columns) {
            let part = Array(z[start..<start + 16 * columns])
            coder.encode(part, rows: 16, into: &symbols, at: symbols.indices, kernels: .chosen)
            coder.decode(symbols.span, rows: 16, into: &y, kernels: .chosen)
            for j in part.indices {
                let difference = Double(part[j]) - Double(y[j] * coder.unit)
                error += difference * difference
                energy += Double(part[j]) * Double(part[j])
            }
        }
        #expect(abs(error / energy / expected - 1) < 0.05, "\(error / energy)")
    }

    @Test(arguments: [(40, 16), (130, 1), (304, 16)])
    func factorsHaveTheUnitsOfTheirCodes(columns: Int, unit: Int) throws {
        let reference = FeedbackReference(columns: columns), transform = RowTransform(columns: columns, rotation: nil)
        let factor = try reference.factor(transform, unitColumns: unit, threads: 2), v = reference.triangle(nil)
        for t in stride(from: 0, to: columns, by: unit) {
            let used = min(unit, columns - t), group = t / 128 * 128, panel = factor.panelStart(group: group)
            for c in 0..<used {
                for r in 0...c {
                    let stored = Double(factor.metric[factor.metricStart(unit: t / unit) + c * (c + 1) / 2 + r]) * factor.unit
                    #expect(abs(stored - v[t + r][t + c]) < 1e-5)
                }
            }
            // F D = V, for each row before the unit.
            for i in 0..<group + 128 {
                let row = (0..<used).map { Double(factor.panels[panel + i * 128 + t + $0 - group]) }
                guard i < t else {
                    #expect(row.allSatisfy { $0 == 0 })
                    continue
                }
                for c in 0..<used {
                    let product = (0...c).reduce(0) { $0 + row[$1] * v[t + $1][t + c] }
                    #expect(abs(product - v[i][t + c]) < 1e-4)
                }
            }
        }
    }

    /// Groups of rows stay together, in descending order of their costs, a last group of fewer rows at the end; none feeds its own rows.
    @Test(arguments: [16, 40, 96])
    func outputsAreFedBetweenGroupsOnly(rows: Int) throws {
        let reference = FeedbackReference(columns: rows), gains = (0..<rows).map { Float(1 + $0 * 7 % 5) }
        let factor = try OutputFactor(gains: gains, groupRows: 16, pool: WorkerPool(width: 2), hessian: reference.rows)
        #expect(Set(factor.order).count == rows)
        func cost(_ row: Int) -> Double { Double(reference.moments[row * rows + row]) * Double(gains[row]) * Double(gains[row]) }
        var costs: [Double] = []
        for start in stride(from: 0, to: rows, by: 16) {
            let group = factor.order[start..<min(start + 16, rows)]
            #expect(Array(group) == Array(factor.order[start]..<factor.order[start] + group.count) && factor.order[start] % 16 == 0)
            if group.count == 16 { costs.append(group.reduce(0) { $0 + cost($1) }) }
            for i in start..<start + group.count { for k in start..<i { #expect(factor.coefficient(row: i, of: k) == 0) } }
        }
        #expect(zip(costs, costs.dropFirst()).allSatisfy { $0 >= $1 })
    }

    /// Where the outputs of all rows correlate, feeding rows makes the model's predictions better.
    @Test func rowsAreFedWhereOutputsCorrelate() throws {
        let columns = 128, rows = 64, encoder = try Self.encoder(3, columns: columns), inputs = FeedbackReference(columns: columns)
        var random = CodecRandom(seed: 9)
        let weights = random.gaussian(rows * columns), tensor = CodedTensor(encoder, rows: rows, seed: 5), factor = try inputs.factor(encoder)
        // G = (1 - c) I + c 1 1T.
        let c: Float = 0.8
        func outputs(_ range: Range<Int>) -> [Float] { range.flatMap { i in (0..<rows).map { $0 == i ? 1 : c } } }
        func cost(_ decoded: [Float]) -> Double {
            var sums = [Float](repeating: 0, count: columns)
            for i in decoded.indices { sums[i % columns] += weights[i] - decoded[i] }
            return Double(1 - c) * inputs.cost(weights, decoded) + Double(c) * inputs.cost(sums, Array(repeating: 0, count: columns))
        }
        let columnsOnly = try encoder.encode(rows: rows, feedback: factor) { row, target in
            for j in 0..<columns { target[j] = weights[row * columns + j] }
        }
        let both = try encoder.encodeAll(rows: rows, feedback: factor, outputs: outputs, pool: WorkerPool(width: 2)) { row, target in
            for j in 0..<columns { target[j] = weights[row * columns + j] }
        }
        #expect(try cost(tensor.decode(both)) < 0.6 * cost(tensor.decode(columnsOnly)))
    }

    @Test func everyRuleIsChecked() throws {
        let encoder = try Self.encoder(5.5, columns: 96), coded = CodedTensor(encoder, rows: 20, seed: 5)
        func check(_ expected: QAMError.Code?, _ change: (inout Coding) -> Void) {
            var descriptor = coded.descriptor
            guard case .coded(var coding) = descriptor.storage else {
                Issue.record("the tensor is not coded")
                return
            }
            change(&coding)
            descriptor.storage = .coded(coding)
            var code: QAMError.Code?
            do { try CodecRegistry.validate(descriptor, shared: coded.shared) } catch let error as QAMError { code = error.code } catch { Issue.record(error) }
            #expect(code == expected, "\(coding)")
        }
        check(nil) { _ in }
        check(nil) { $0.parameters[0] = 16 }
        check(.unsupported) { $0.parameters[0] = 13 }
        check(.malformed) { $0.parameters[1] = 2 }
        check(.malformed) { $0.parameters[1] = 14 }
        check(.malformed) { $0.parameters[1] = 13 }
        check(.malformed) { $0.parameters[2] = 0 }
        check(.malformed) { $0.parameters[2] = 6 }
        check(.unsupported) { $0.parameters[3] = 3 }
        check(.malformed) { $0.parameters.removeLast() }
        check(.malformed) { $0.parameters.append(0) }
        check(.malformed) { $0.parameters.replaceSubrange(4..., with: [0, 0, 0, 0]) }
        check(.malformed) { $0.parameters.replaceSubrange(4..., with: [0, 0, 0x80, 0x7F]) }
        check(.malformed) { $0.parameters[7] |= 0x80 }
        check(.malformed) { $0.codebook = 0 }
        check(.malformed) { $0.seed = nil }
        check(.malformed) { $0.streams[0].extent = .perRow(66) }
        check(.malformed) { $0.streams[0].extent = .perRows(8, bytes: 1056) }
        check(.malformed) { $0.streams[0].extent = .perRows(16, bytes: 1055) }
        check(.malformed) { $0.streams.removeLast() }
    }
}
