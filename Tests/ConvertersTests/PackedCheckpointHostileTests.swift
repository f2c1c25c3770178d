import Converters
import QAMFormat
import Testing

/// Damaged checkpoints of GPTQ, AWQ, bitsandbytes and MLX: the error names the tensor.
@Suite struct PackedCheckpointHostileTests {
    private static let prefix = "model.layers.0.self_attn.k_proj."

    /// Changes a fixture, then reads all of it: the error must name the tensor.
    private static func expectError(
        _ name: String, at tensor: String, ofAnyModule: Bool = false, says: String = "", sourceLocation: SourceLocation = #_sourceLocation,
        _ change: (inout PackedFixture) throws -> Void
    ) throws {
        var fixture = try PackedFixture(name)
        try change(&fixture)
        let error = #expect(throws: QAMError.self, sourceLocation: sourceLocation) {
            let plain = try fixture.dequantized()
            for index in plain.tensors.indices { _ = try payload(plain, index) }
        }
        let place = error?.place.tensor ?? ""
        #expect(
            ofAnyModule ? place.hasSuffix(".\(tensor)") : place == prefix + tensor, "\(error.map(String.init(describing:)) ?? "")",
            sourceLocation: sourceLocation)
        #expect(error?.message.contains(says) == true, "\(error.map(String.init(describing:)) ?? "")", sourceLocation: sourceLocation)
    }

    @Test(
        arguments: [
            ("gptq-v2", "qzeros"), ("gptq-v2", "scales"), ("gptq-v2", "g_idx"), ("awq-gemm", "qzeros"), ("awq-gemm", "scales"), ("awq-gemv", "qzeros"),
            ("bnb-int8", "SCB"), ("bnb-fp4", "weight.absmax"), ("bnb-fp4", "weight.quant_map"), ("bnb-nf4-nested", "weight.nested_absmax"),
            ("bnb-nf4-nested", "weight.nested_quant_map"), ("mlx-affine", "scales"), ("mlx-affine", "biases"), ("mlx-modes", "scales"),
        ] as [(name: String, tensor: String)]) func missingTensorsAreNamed(_ example: (name: String, tensor: String)) throws
    {
        try Self.expectError(example.name, at: example.tensor, says: "missing") { try $0.remove(Self.prefix + example.tensor) }
    }

    @Test func aMissingDescriptionIsNamed() throws {
        try Self.expectError("bnb-fp4", at: "weight.quant_state.bitsandbytes__nf4", says: "missing") {
            try $0.remove(Self.prefix + "weight.quant_state.bitsandbytes__fp4")
        }
    }

    @Test(
        arguments: [
            ("gptq-v2", "qweight", "qzeros"), ("awq-gemm", "qweight", "qzeros"), ("bnb-fp4", "weight", "weight.absmax"), ("bnb-int8", "weight", "SCB"),
            ("mlx-affine", "weight", "biases"),
        ] as [(name: String, weight: String, tensor: String)]) func sideTensorsWithoutTheirWeightAreNamed(
            _ example: (name: String, weight: String, tensor: String)
        ) throws
    {
        var fixture = try PackedFixture(example.name)
        try fixture.remove(Self.prefix + example.weight)
        let error = #expect(throws: QAMError.self) { try fixture.dequantized() }
        #expect(error?.place.tensor?.hasPrefix(Self.prefix) == true && error?.message.contains("missing") == true)
    }

    @Test(
        arguments: [
            // Words that do not hold the codes; scales and zero points of other groups and outputs.
            ("gptq-v2", "qweight", [7, 32]), ("gptq-v2", "qweight", [8 * 32]), ("gptq-v2", "qweight", [8, 2, 16]), ("gptq-v2", "qzeros", [3, 4]),
            ("gptq-v2", "scales", [4, 31]), ("gptq-v2", "scales", [0, 32]), ("gptq-v2", "g_idx", [8, 8]), ("awq-gemm", "qzeros", [2, 3]),
            ("awq-gemm", "scales", [2, 24]), ("awq-gemm", "scales", [64]), ("awq-gemv", "qzeros", [31, 4]), ("awq-gemv", "scales", [32, 31]),
            ("bnb-int8", "SCB", [31]), ("bnb-int8", "weight_format", [2]), ("bnb-fp4", "weight", [1023, 1]), ("bnb-fp4", "weight", [1, 1024]),
            ("bnb-fp4", "weight.absmax", [31]), ("bnb-fp4", "weight.quant_map", [15]), ("bnb-nf4-nested", "weight.nested_absmax", [2]),
            ("bnb-nf4-nested", "weight.nested_quant_map", [255]), ("mlx-affine", "weight", [32, 5]), ("mlx-affine", "biases", [32, 1]),
            ("mlx-modes", "weight", [32, 7]),
        ] as [(name: String, tensor: String, shape: [Int])]) func shapesThatDoNotFitAreNamed(_ example: (name: String, tensor: String, shape: [Int])) throws
    {
        try Self.expectError(example.name, at: example.tensor) { try $0.replace(Self.prefix + example.tensor, example.shape) }
    }

    @Test(
        arguments: [
            ("gptq-v2", "qweight", [16, 32], DType.i16), ("gptq-v2", "scales", [4, 32], .i16), ("gptq-v2", "g_idx", [64], .f32),
            ("awq-gemm", "qzeros", [2, 4], .f32),
            ("bnb-fp4", "weight.quant_map", [16], .i32), ("bnb-fp4", "weight.absmax", [32], .i32), ("bnb-int8", "SCB", [32], .i32),
            ("bnb-nf4-nested", "weight.nested_absmax", [1], .i32), ("bnb-nf4-nested", "weight.absmax", [16], .f32), ("mlx-affine", "scales", [32, 2], .i16),
            ("mlx-affine", "biases", [32, 2], .u16), ("mlx-modes", "scales", [32, 2], .f16),
        ] as [(name: String, tensor: String, shape: [Int], dtype: DType)]) func typesThatDoNotFitAreNamed(
            _ example: (name: String, tensor: String, shape: [Int], dtype: DType)
        ) throws
    {
        try Self.expectError(example.name, at: example.tensor) { try $0.replace(Self.prefix + example.tensor, example.shape, example.dtype) }
    }

    @Test(arguments: [4, -1, Int32.max, .min]) func groupsOutOfRangeAreNamed(_ group: Int32) throws {
        try Self.expectError("gptq-v2", at: "g_idx", says: "the group \(group)") { fixture in
            let index = try fixture.index(Self.prefix + "g_idx")
            fixture.source.payloads[index][0].replaceSubrange(36..<40, with: unsafe withUnsafeBytes(of: group.littleEndian) { unsafe Array($0) })
        }
    }

    @Test func aConfigurationOfOtherTensorsIsNamed() throws {
        try Self.expectError("gptq-asymmetric", at: "qweight", ofAnyModule: true, says: "bits") {
            $0.config = $0.config.replacing("\"bits\": 4", with: "\"bits\": 8")
        }
        try Self.expectError("awq-gemm", at: "scales", ofAnyModule: true, says: "group") {
            $0.config = $0.config.replacing("\"group_size\": 32", with: "\"group_size\": 64")
        }
        // Two bits of 32 columns look like four of 16: only the configuration tells them apart.
        try Self.expectError("mlx-affine", at: "weight", says: "do not fit codes of 3 bits") {
            $0.config = $0.config.replacing("\"bits\": 2", with: "\"bits\": 3")
        }
        try Self.expectError("mlx-affine", at: "weight", ofAnyModule: true, says: "group_size") { $0.config = "{\"torch_dtype\": \"bfloat16\"}" }
    }

    @Test(
        arguments: [
            ("", "JSON"), ("{", "JSON"), ("\u{0}\u{0}\u{0}", "JSON"), ("[1]", "object"), ("{}", "blocksize"), (#"{"blocksize": 64}"#, "shape"),
            (#"{"blocksize": 0, "shape": [32, 64]}"#, "blocksize"), (#"{"blocksize": "64", "shape": [32, 64]}"#, "blocksize"),
            (#"{"blocksize": 64, "shape": [32, -64]}"#, "shape"), (#"{"blocksize": 64, "shape": []}"#, "shape"),
            (#"{"blocksize": 64, "shape": 2048}"#, "shape"),
            (#"{"blocksize": 64, "shape": [9223372036854775807, 9223372036854775807]}"#, "shape"),
            (#"{"blocksize": 64, "shape": [1152921504606846976]}"#, "shape"),
            (#"{"blocksize": 64, "shape": [99999999999999999999, 1]}"#, "shape"), (#"{"blocksize": 64, "shape": [32, 64], "dtype": "int8"}"#, "int8"),
            (#"{"blocksize": 64, "shape": [32, 64], "quant_type": "nf4"}"#, "nf4"),
            (#"{"blocksize": 64, "shape": [32, 64], "nested_blocksize": 256}"#, "nested_offset"),
        ] as [(json: String, says: String)]) func brokenDescriptionsAreNamed(_ example: (json: String, says: String)) throws
    {
        let tensor = "weight.quant_state.bitsandbytes__fp4"
        try Self.expectError("bnb-fp4", at: tensor, says: example.says) { try $0.set(Self.prefix + tensor, Array(example.json.utf8)) }
    }

    /// Descriptions that are valid JSON, but say another size than the tensors have.
    @Test func otherSizesThanTheDescriptionSaysAreNamed() throws {
        let state = "weight.quant_state.bitsandbytes__fp4"
        try Self.expectError("bnb-fp4", at: "weight") { try $0.set(Self.prefix + state, Array(#"{"blocksize": 64, "shape": [32, 62]}"#.utf8)) }
        try Self.expectError("bnb-fp4", at: "weight.absmax") { try $0.set(Self.prefix + state, Array(#"{"blocksize": 32, "shape": [32, 64]}"#.utf8)) }
    }

    @Test func anOrderOfElementsForOldProcessorsIsNamed() throws {
        try Self.expectError("bnb-int8", at: "weight_format", says: "rows") { fixture in
            let index = try fixture.index(Self.prefix + "weight_format")
            fixture.source.payloads[index] = [[2]]
        }
    }
}
