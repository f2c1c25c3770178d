import Architectures
import Converters
import QAMFormat

/// Small safetensors files with the tensors of a tiny model.
struct TestModel {
    struct Tensor {
        var name: String
        var shape: [Int]
        var dtype: DType
        var bytes: [UInt8]

        /// Deterministic numbers similar to weights: about uniform between -0.1 and 0.1.
        static func weights(_ name: String, _ shape: Int..., dtype: DType = .bf16, seed: UInt64 = 1) throws -> Tensor {
            var state = seed
            for byte in name.utf8 { state = state &* 31 &+ UInt64(byte) }
            let values = (0..<shape.reduce(1, *)).map { _ -> Float in
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                return (Float(state >> 40) * 0x1p-24 - 0.5) / 5
            }
            return Tensor(name: name, shape: shape, dtype: dtype, bytes: try ElementConversion.bytes(values, as: dtype))
        }

        static func values(_ name: String, _ values: [Float], shape: [Int]? = nil, dtype: DType = .f32) throws -> Tensor {
            Tensor(name: name, shape: shape ?? [values.count], dtype: dtype, bytes: try ElementConversion.bytes(values, as: dtype))
        }
    }

    var tensors: [Tensor]
    var metadata: [(String, String)] = [("format", "pt")]

    /// Two layers of a llama, with an embedding, norms and a table of integers.
    static func llama(width: Int = 64, hidden: Int = 128, vocabulary: Int = 100) throws -> TestModel {
        var tensors = [try Tensor.weights("model.embed_tokens.weight", vocabulary, width)]
        for layer in 0..<2 {
            let prefix = "model.layers.\(layer)"
            tensors.append(try .weights("\(prefix).input_layernorm.weight", width))
            for name in ["q", "k", "v", "o"] { tensors.append(try .weights("\(prefix).self_attn.\(name)_proj.weight", width, width)) }
            tensors.append(try .weights("\(prefix).mlp.gate_proj.weight", hidden, width))
            tensors.append(try .weights("\(prefix).mlp.up_proj.weight", hidden, width))
            tensors.append(try .weights("\(prefix).mlp.down_proj.weight", width, hidden))
        }
        tensors.append(try .weights("lm_head.weight", vocabulary, width))
        tensors.append(Tensor(name: "model.positions", shape: [4], dtype: .i64, bytes: (0..<32).map { $0 % 8 == 0 ? UInt8($0 / 8) : 0 }))
        return TestModel(tensors: tensors)
    }

    /// The bytes of the file.
    var safetensors: [UInt8] {
        var members = [JSONValue.Member("__metadata__", .object(metadata.map { .init($0.0, .string($0.1)) }))]
        var end = 0
        for tensor in tensors {
            members.append(
                .init(
                    tensor.name,
                    [
                        "dtype": .string(tensor.dtype.name), "shape": .array(tensor.shape.map { JSONValue($0) }),
                        "data_offsets": [JSONValue(end), JSONValue(end + tensor.bytes.count)],
                    ]))
            end += tensor.bytes.count
        }
        var header = Array(JSONWriter.text(.object(members)).utf8)
        while header.count % 8 != 0 { header.append(UInt8(ascii: " ")) }
        let length = (0..<8).map { UInt8(truncatingIfNeeded: header.count >> (8 * $0)) }
        return length + header + tensors.flatMap(\.bytes)
    }
}
