import Converters
import QAMFormat
import Testing

/// A quantized checkpoint in memory.
struct Quantized {
    typealias Tensors = [(name: String, shape: [Int], dtype: DType)]

    var source = MemorySource()

    static let fp8: Tensors = [("a.weight", [64, 32], .f8e4m3), ("a.weight_scale", [], .f32)]
    /// compressed-tensors with 4 bits in groups of 32; the shape tensor, at index 2, holds 4 x 64.
    static let packed: Tensors = [("a.weight_packed", [4, 8], .i32), ("a.weight_scale", [4, 2], .bf16), ("a.weight_shape", [2], .i64)]

    /// Stored shapes are set to 4 x 64.
    init(_ config: String?, _ tensors: Tensors) throws {
        for tensor in tensors { source.add(tensor.name, tensor.shape, tensor.dtype) }
        if let config { source.files.append(MemoryFile(name: "config.json", bytes: Array(config.utf8))) }
        for (index, tensor) in tensors.enumerated() where tensor.dtype == .i64 { setShape(index, [4, 64]) }
    }

    /// Sets the elements of a 32-bit tensor.
    mutating func setWords(_ tensor: Int, _ words: [UInt32]) {
        source.payloads[tensor] = [words.flatMap { word in (0..<4).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) } }]
    }

    /// Sets the elements of an I64 tensor.
    mutating func setShape(_ tensor: Int, _ shape: [Int]) {
        source.payloads[tensor] = [shape.flatMap { side in (0..<8).map { UInt8(truncatingIfNeeded: side >> (8 * $0)) } }]
    }

    func plain() throws -> DequantizedCheckpoint {
        let scheme = try #require(try QuantizationScheme.detect(in: source))
        return try DequantizedCheckpoint(source, scheme, advice: "")
    }

    /// The error when the checkpoint is opened or its weights are read.
    func error() throws -> QAMError? {
        do {
            let plain = try plain()
            for tensor in plain.tensors.indices where plain.tensors[tensor].byteCount < 1 << 20 { _ = try payload(plain, tensor) }
            return nil
        } catch let error as QAMError {
            return error
        }
    }
}
