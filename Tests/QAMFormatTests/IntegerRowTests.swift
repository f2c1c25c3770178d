import Quantization
import QAMFormat
import Testing

/// The properties that distinguish int8 rows from pairs.
@Suite struct IntegerRowTests {
    private static func decoded(_ encoder: RowEncoder, _ chunk: TensorChunk, rows: Int) throws -> [Float] {
        try CodedTensor(encoder, rows: rows, seed: 0).decode(chunk, scales: encoder.channelScaleBytes)
    }

    @Test(arguments: [1, 2, 7, 33, 257], [GainType.float16, .float32])
    func rowsOfAnyLengthAreRoundedByTheirLargestWeight(columns: Int, gainType: GainType) throws {
        var random = CodecRandom(seed: UInt64(columns))
        let rows = 4, weights = random.gaussian(rows * columns).map { $0 * 0.02 }
        let encoder = try RowEncoder(.int8, 8, columns: columns, block: 0, gainType: gainType)
        let chunk = try encoder.encode(weights), decoded = try Self.decoded(encoder, chunk, rows: rows)
        for row in 0..<rows {
            let own = Array(weights[row * columns..<(row + 1) * columns]), gain = gainType.gain(row, in: chunk.streams[1])
            let largest = own.reduce(0) { max($0, $1.magnitude) }
            #expect(gain == gainType.rounded(largest / 127))
            for (column, weight) in own.enumerated() {
                let symbol = Int8(bitPattern: chunk.streams[0][row * columns + column])
                #expect(Float(symbol) == min(127, max(-127, (weight / gain).rounded(.toNearestOrEven))))
                #expect(decoded[row * columns + column] == Float(symbol) * gain)
            }
        }
    }

    @Test func channelScalesAreDividedOutAgain() throws {
        let columns = 9, scales = (0..<columns).map { Float(1 << ($0 % 4)) / 2 }
        var random = CodecRandom(seed: 1)
        let weights = random.gaussian(3 * columns)
        let encoder = try RowEncoder(.int8, 8, columns: columns, block: 0, scales: scales)
        let chunk = try encoder.encode(weights), decoded = try Self.decoded(encoder, chunk, rows: 3)
        for (index, weight) in weights.enumerated() {
            let gain = GainType.float32.gain(index / columns, in: chunk.streams[1])
            #expect(abs(decoded[index] - weight) <= 0.51 * gain / scales[index % columns])
        }
        let distortion = try #require(chunk.distortion)
        let error = zip(weights, decoded).reduce(0) { $0 + Double($1.0 - $1.1) * Double($1.0 - $1.1) }
        #expect(abs(distortion.error - error) < 1e-4 * error)
    }

    /// Also with an unpaired last column.
    @Test(arguments: [176, 129, 7])
    func outputsErrLessWithFeedback(columns: Int) throws {
        let encoder = try RowEncoder(.int8, 8, columns: columns, block: 0), rows = 40
        let inputs = FeedbackReference(columns: columns), outputs = FeedbackReference(columns: rows)
        var random = CodecRandom(seed: 2)
        let weights = random.gaussian(rows * columns), factor = try inputs.factor(encoder)
        let fill = { (row: Int, target: inout MutableSpan<Float>) in
            for column in 0..<columns { target[column] = weights[row * columns + column] }
        }
        let plain = try Self.decoded(encoder, encoder.encode(weights), rows: rows)
        let columnsOnly = try Self.decoded(encoder, encoder.encode(rows: rows, feedback: factor, fill: fill), rows: rows)
        let chunk = try encoder.encodeAll(
            rows: rows, feedback: factor, outputs: outputs.rows, pool: WorkerPool(width: 2), fill: fill)
        let both = try Self.decoded(encoder, chunk, rows: rows)
        #expect(inputs.cost(weights, columnsOnly) < 0.7 * inputs.cost(weights, plain))
        // With the output Hessian, feedback into rows as well reduces the error further.
        #expect(Self.cost(weights, both, inputs, outputs) < 0.8 * Self.cost(weights, columnsOnly, inputs, outputs))
        let error = zip(weights, both).reduce(0) { $0 + Double($1.0 - $1.1) * Double($1.0 - $1.1) }
        #expect(abs(try #require(chunk.distortion).error - error) < 1e-4 * error)
    }

    private static func cost(_ weights: [Float], _ decoded: [Float], _ inputs: FeedbackReference, _ outputs: FeedbackReference) -> Double {
        let columns = inputs.columns, rows = outputs.columns
        let e = zip(weights, decoded).map { Double($0) - Double($1) }
        let eh = (0..<rows * columns).map { index -> Double in
            let row = index / columns, column = index % columns
            return (0..<columns).reduce(0) { $0 + e[row * columns + $1] * Double(inputs.moments[$1 * columns + column]) }
        }
        var sum = 0.0
        for i in 0..<rows {
            for k in 0..<rows {
                let product = (0..<columns).reduce(0) { $0 + eh[i * columns + $1] * e[k * columns + $1] }
                sum += Double(outputs.moments[i * rows + k]) * product
            }
        }
        return sum
    }

    @Test func zeroRowsAndExtremeRowsAreCodedOrRefused() throws {
        let encoder = try RowEncoder(.int8, 8, columns: 5, block: 0)
        #expect(try encoder.encode([0, 0, -0.0, 0, 0]).streams == [[0, 0, 0, 0, 0], [0, 0, 0, 0]])
        for scale: Float in [0x1p-130, 1e30] {
            let weights = [1, -0.5, 0.25, -1, 0].map { $0 * scale }, decoded = try Self.decoded(encoder, encoder.encode(weights), rows: 1)
            #expect(zip(weights, decoded).allSatisfy { abs($0 - $1) <= 0.01 * scale })
        }
        for bad: Float in [.nan, .infinity, -.infinity] {
            let error = #expect(throws: QAMError.self) { try encoder.encode([1, 2, bad, 3, 4], firstRow: 6) }
            #expect(error?.code == .malformed && error?.message.contains("row 6") == true)
        }
        let scan = try GainScan(.int8, columns: 2)
        func type(_ x: Float) throws -> GainType { try scan.gainType(rows: 1, firstRow: 0) { _, row in (row[0], row[1]) = (x, 0) } }
        #expect(try type(1) == .float16 && type(0x1p-8) == .float32)
        #expect(throws: QAMError.self) { try type(.nan) }
    }
}
