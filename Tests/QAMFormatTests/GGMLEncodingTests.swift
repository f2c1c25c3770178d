import CQAMKernels.Blocks
import QAMFormat
import Testing

/// The encoders of ggml's block types that search scales and minima.
@Suite struct GGMLEncodingTests {
    /// Errors of Gaussian values, relative to their energy: measured, and half a percent more. ggml's own quantizers have from 4 to 30% more.
    private static let errors: [String: Double] = [
        "Q4_0": 6.550e-3, "Q4_1": 4.773e-3, "Q5_0": 1.600e-3, "Q5_1": 1.107e-3, "Q2_K": 6.715e-2, "Q3_K": 2.058e-2, "Q4_K": 4.862e-3,
        "Q5_K": 1.197e-3, "Q6_K": 2.701e-4, "IQ4_NL": 5.392e-3, "IQ4_XS": 5.453e-3, "MXFP4": 1.244e-2,
    ].mapValues { $0 * 1.01 }

    static let types = DType.ggml.filter { errors[$0.name] != nil }

    private static func error(_ values: [Float], _ bytes: [UInt8], as dtype: DType, weights: [Float]? = nil) throws -> Double {
        var error = 0.0, energy = 0.0
        for (index, stored) in try ElementConversion.floats(bytes, as: dtype).enumerated() {
            let weight = weights.map { Double($0[index % $0.count]) } ?? 1, value = Double(values[index]), off = value - Double(stored)
            error += weight * off * off
            energy += weight * value * value
        }
        return error / energy
    }

    private static func encode(
        _ values: [Float], as dtype: DType, weights: [Float]? = nil, column: Int = 0, with set: Kernels.InstructionSet = Kernels.InstructionSet.present[0]
    ) throws -> [UInt8] {
        let blocks = values.count / dtype.blockElements
        var bytes = [UInt8](repeating: 7, count: blocks * dtype.blockBytes + 1)
        guard let encode = unsafe gb_type_of(gb_functions_for(set.features), UInt32(dtype.id) - 64).from_floats else {
            throw QAMError(.unsupported, "\(dtype.name) has no encoder")
        }
        if let weights {
            unsafe encode(values, blocks, weights, weights.count, column, &bytes)
        } else {
            unsafe encode(values, blocks, nil, 0, 0, &bytes)
        }
        // Nothing is written behind the last block.
        #expect(bytes.removeLast() == 7)
        return bytes
    }

    @Test func encodableTypes() {
        #expect(Self.types.count == 12)
        #expect(Set(Self.types).union([.f64, .f32, .f16, .bf16, .q8_0]) == ElementConversion.encodable)
    }

    @Test(arguments: types) func errorOfGaussianValues(_ dtype: DType) throws {
        var random = CodecRandom(seed: 11)
        let values = random.gaussian(512 * 1024)
        let bytes = try ElementConversion.bytes(values, as: dtype)
        #expect(try Self.error(values, bytes, as: dtype) < #require(Self.errors[dtype.name]))
        #expect(try ElementConversion.bytes(values.map { Double($0) }, as: dtype) == bytes)
        // The same relative error at other scales, also where the halves of super-blocks are subnormal.
        for scale: Float in [0x1p10, 0x1p-8] {
            let scaled = values.prefix(64 * 256).map { $0 * scale }
            #expect(try Self.error(scaled, ElementConversion.bytes(scaled, as: dtype), as: dtype) < #require(Self.errors[dtype.name]) * 1.1)
        }
    }

    /// Weights lower the weighted error, and zeros among them break nothing.
    @Test(arguments: types) func weightedErrors(_ dtype: DType) throws {
        var random = CodecRandom(seed: 12)
        let values = random.gaussian(512 * 512)
        var squares = random.gaussian(512).map { $0 * $0 * $0 * $0 }
        for column in stride(from: 0, to: 512, by: 5) { squares[column] = 0 }
        for column in 32..<64 { squares[column] = 0 }
        let weights = try #require(try ColumnWeights(squares)).values
        #expect(weights.allSatisfy { $0 > 0 })
        let plain = try Self.error(values, Self.encode(values, as: dtype), as: dtype, weights: weights)
        let weighted = try Self.error(values, Self.encode(values, as: dtype, weights: weights), as: dtype, weights: weights)
        #expect(weighted < 0.97 * plain, "\(weighted) \(plain)")
    }

    /// All instruction sets give the same bytes, for any number of blocks, from any column on.
    @Test(arguments: types) func equalBytes(_ dtype: DType) throws {
        var random = CodecRandom(seed: 13)
        let width = 3 * dtype.blockElements
        let values = random.gaussian(19 * dtype.blockElements).enumerated().map { $1 * ($0 / dtype.blockElements % 4 == 3 ? 0x1p-14 : 1) }
        let weights = random.gaussian(width).map { $0 * $0 + 0x1p-10 }
        for set in Kernels.InstructionSet.present {
            for weights in [nil, weights] {
                let column = weights == nil ? 0 : dtype.blockElements
                let truth = try Self.encode(values, as: dtype, weights: weights, column: column)
                #expect(try Self.encode(values, as: dtype, weights: weights, column: column, with: set) == truth, "\(set.name)")
                for start in [1, 2, 17] {
                    let part = Array(values.dropFirst(start * dtype.blockElements))
                    let bytes = try Self.encode(part, as: dtype, weights: weights, column: (column + start * dtype.blockElements) % width, with: set)
                    #expect(bytes == Array(truth.dropFirst(start * dtype.blockBytes)), "\(set.name) from block \(start)")
                }
            }
        }
    }

    @Test(arguments: types) func unusualBlocks(_ dtype: DType) throws {
        let count = 2 * dtype.blockElements
        for value: Float in [0, -0.0, 0x1p-149] {
            let bytes = try ElementConversion.bytes([Float](repeating: value, count: count), as: dtype)
            #expect(try ElementConversion.floats(bytes, as: dtype).allSatisfy { $0.magnitude <= 0x1p-100 }, "\(value)")
        }
        for value: Float in [1, -3, 65000, -65000, 0x1p-10] {
            let values = [Float](repeating: value, count: count)
            let error = try Self.error(values, ElementConversion.bytes(values, as: dtype), as: dtype)
            // The halves of super-blocks have few bits left for small values.
            #expect(error < (value < 0.5 && value > 0 ? 3e-3 : 1e-4), "\(value): \(error)")
        }
        // One value among zeros, which IQ4's levels lack.
        var lone = [Float](repeating: 0, count: count)
        lone[dtype.blockElements + 5] = -2
        #expect(try Self.error(lone, ElementConversion.bytes(lone, as: dtype), as: dtype) < (dtype.name.hasPrefix("IQ4") ? 3e-3 : 1e-5))
    }

    @Test(arguments: types) func refusedValues(_ dtype: DType) throws {
        for value: Float in [.nan, .infinity, -.infinity, 65504, -1e30] {
            let values = [Float](repeating: 1, count: dtype.blockElements - 1) + [value]
            let error = #expect(throws: QAMError.self) { try ElementConversion.bytes(values, as: dtype) }
            #expect(error?.code == .unsupported && error?.message.contains(dtype.name) == true)
        }
        let part = [Float](repeating: 1, count: dtype.blockElements - 1)
        #expect(throws: QAMError.self) { try ElementConversion.bytes(part, as: dtype) }
        #expect(try ElementConversion.bytes([Float](), as: dtype).isEmpty)
    }

    @Test func weightsOfColumns() throws {
        #expect(try ColumnWeights([0, 0, 0]) == nil)
        #expect(try ColumnWeights([1, 3, 0])?.values == [0.75, 2.25, 1e-6])
        // Only proportions count.
        #expect(try ColumnWeights([1e-30, 3e-30]) == ColumnWeights([1, 3]))
        for bad: Float in [-1, .nan, .infinity] { #expect(throws: QAMError.self) { try ColumnWeights([1, bad]) } }
    }
}
