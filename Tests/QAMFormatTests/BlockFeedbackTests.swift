import Quantization
import QAMFormat
import Testing

/// ggml's block types, coded with error feedback.
@Suite struct BlockFeedbackTests {
    private static let names = ["Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "IQ4_NL", "IQ4_XS"]
    static let types: [DType] = DType.ggml.filter { names.contains($0.name) }

    /// The columns of a row: two super-blocks, or blocks that end within a group.
    private static func columns(_ dtype: DType) -> Int { dtype.blockElements == 256 ? 512 : 224 }

    /// Rows with different norms.
    private static func weights(rows: Int, columns: Int, seed: UInt64) -> [Float] {
        var random = CodecRandom(seed: seed)
        return random.gaussian(rows * columns).enumerated().map { $1 * (0.5 + Float($0 / columns % 5) / 2) / 16 }
    }

    private static func encode(
        _ dtype: DType, _ weights: [Float], columns: Int, _ inputs: FeedbackReference, outputs: FeedbackReference? = nil, threads: Int = 1,
        _ kernels: FeedbackKernels = .chosen
    ) throws -> TensorChunk {
        let encoder = try BlockEncoder(dtype, columns: columns, kernels: kernels), rows = weights.count / columns
        let factor = try inputs.factor(encoder.transform, unitColumns: BlockCoder.unitColumns)
        guard let outputs else {
            return try encoder.encode(rows: rows, feedback: factor) { row, target in
                for j in 0..<columns { target[j] = weights[row * columns + j] }
            }
        }
        return try encoder.encodeAll(rows: rows, feedback: factor, outputs: outputs.rows, pool: WorkerPool(width: threads)) { row, target in
            for j in 0..<columns { target[j] = weights[row * columns + j] }
        }
    }

    @Test func everyTypeHasACoder() throws {
        #expect(Self.types.count == Self.names.count)
        for dtype in DType.ggml { #expect((BlockCoder(dtype) != nil) == Self.names.contains(dtype.name), "\(dtype.name)") }
        #expect(BlockCoder(.f16) == nil)
        #expect(throws: QAMError.self) { try BlockEncoder(.f16, columns: 32) }
        #expect(throws: QAMError.self) { try BlockEncoder(.q8_0, columns: 48) }
    }

    /// Feedback lowers what it is to lower, and the error that is reported is that of what a reader decodes.
    @Test(arguments: types) func costsFall(_ dtype: DType) throws {
        let columns = Self.columns(dtype), rows = 40
        let inputs = FeedbackReference(columns: columns), outputs = FeedbackReference(columns: rows)
        let weights = Self.weights(rows: rows, columns: columns, seed: 21)
        let plain = try ElementConversion.floats(ElementConversion.bytes(weights, as: dtype), as: dtype)
        var decoded: [[Float]] = []
        for outputs in [nil, outputs] {
            let chunk = try Self.encode(dtype, weights, columns: columns, inputs, outputs: outputs)
            #expect(chunk.streams.count == 1 && chunk.streams[0].count == rows * columns / dtype.blockElements * dtype.blockBytes)
            let values = try ElementConversion.floats(chunk.streams[0], as: dtype)
            let distortion = try #require(chunk.distortion)
            let error = zip(weights, values).reduce(0.0) { $0 + Double($1.0 - $1.1) * Double($1.0 - $1.1) }
            #expect(abs(distortion.error - error) < 1e-4 * error)
            #expect(abs(distortion.energy - weights.reduce(0) { $0 + Double($1) * Double($1) }) < 1e-6 * distortion.energy)
            decoded.append(values)
        }
        #expect(inputs.cost(weights, decoded[0]) < 0.6 * inputs.cost(weights, plain))
        #expect(Self.cost(weights, decoded[1], inputs, outputs) < 0.8 * Self.cost(weights, decoded[0], inputs, outputs))
    }

    /// tr(G E H ET) for the errors E of decoded weights.
    private static func cost(_ weights: [Float], _ decoded: [Float], _ inputs: FeedbackReference, _ outputs: FeedbackReference) -> Double {
        let columns = inputs.columns, rows = outputs.columns
        // U of G: the cost is that of UT E by H.
        let u = FeedbackReference.upperFactor((0..<rows).map { i in (0..<rows).map { Double(outputs.moments[i * rows + $0]) } })
        var mixed = [Float](repeating: 0, count: rows * columns)
        for i in 0..<rows {
            for k in 0...i {
                let by = Float(u[k][i])
                for j in 0..<columns { mixed[i * columns + j] += by * (weights[k * columns + j] - decoded[k * columns + j]) }
            }
        }
        return inputs.cost(mixed, [Float](repeating: 0, count: mixed.count))
    }

    @Test(arguments: types) func bytesDependOnNothingElse(_ dtype: DType) throws {
        let columns = Self.columns(dtype), rows = 70
        let inputs = FeedbackReference(columns: columns), outputs = FeedbackReference(columns: rows)
        let weights = Self.weights(rows: rows, columns: columns, seed: 22)
        let both = try Self.encode(dtype, weights, columns: columns, inputs, outputs: outputs)
        let alone = try Self.encode(dtype, weights, columns: columns, inputs)
        #expect(both.streams != alone.streams)
        for set in Kernels.InstructionSet.present {
            let kernels = try #require(FeedbackKernels(set))
            #expect(try Self.encode(dtype, weights, columns: columns, inputs, outputs: outputs, threads: 3, kernels).streams == both.streams, "\(set)")
            #expect(try Self.encode(dtype, weights, columns: columns, inputs, kernels).streams == alone.streams, "\(set)")
        }
        // Rows can be encoded in any pieces.
        let rest = try Self.encode(dtype, Array(weights[(9 * columns)...]), columns: columns, inputs)
        #expect(rest.streams[0] == Array(alone.streams[0][(9 * columns / dtype.blockElements * dtype.blockBytes)...]))
    }

    @Test(arguments: types) func unusualRows(_ dtype: DType) throws {
        let columns = Self.columns(dtype), rows = 34
        let inputs = FeedbackReference(columns: columns, dead: [0, 5], exponent: 60), outputs = FeedbackReference(columns: rows, dead: [1])
        var weights = Self.weights(rows: rows, columns: columns, seed: 23)
        for j in 0..<columns { (weights[2 * columns + j], weights[3 * columns + j], weights[4 * columns + j]) = (0, 0x1p-149, j % 2 == 0 ? 65503 : -65503) }
        for outputs in [nil, outputs] {
            let chunk = try Self.encode(dtype, weights, columns: columns, inputs, outputs: outputs)
            let values = try ElementConversion.floats(chunk.streams[0], as: dtype)
            #expect(values.allSatisfy { $0.isFinite })
            #expect(values[2 * columns..<4 * columns].allSatisfy { $0.magnitude < 0x1p-20 })
        }
        for value: Float in [.nan, .infinity, 65504] {
            weights[7 * columns + 1] = value
            let bad = weights
            for outputs in [nil, outputs] {
                let error = #expect(throws: QAMError.self) { try Self.encode(dtype, bad, columns: columns, inputs, outputs: outputs) }
                #expect(error?.code == .unsupported && error?.message.contains("row 7") == true && error?.message.contains(dtype.name) == true)
            }
        }
    }

    @Test func factorsOfOtherRowsAreRefused() throws {
        let encoder = try BlockEncoder(.q8_0, columns: 64), reference = FeedbackReference(columns: 64)
        for factor in [
            try reference.factor(encoder.transform), try FeedbackReference(columns: 32).factor(RowTransform(columns: 32, rotation: nil), unitColumns: 1),
        ] {
            #expect(throws: QAMError.self) { try encoder.encode(rows: 1, feedback: factor) { _, _ in } }
        }
        let transform = RowTransform(columns: 16, rotation: nil), pool = try WorkerPool(width: 1)
        let refused = FeedbackReference.refuses({ $0[37] = .nan }) { _ = try FeedbackFactor(transform, unitColumns: 1, pool: pool, rows: $0) }
        #expect(refused)
    }
}
