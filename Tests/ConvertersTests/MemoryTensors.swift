import Converters
import QAMFormat

/// F32 tensors in memory.
struct MemoryTensors: TensorSource {
    var metadata = Metadata()
    var tensors: [TensorDescriptor] = []
    var payloads: [[UInt8]] = []
    var inputs: [String] { ["memory"] }
    var fingerprint: String { "statistics \(XXH3.hash(payloads.flatMap(\.self)))" }

    init(groups: String) { metadata.set("qamw.calibration.inputs", .string(groups)) }

    mutating func add(_ name: String, _ shape: [Int], _ values: [Float]) throws {
        tensors.append(TensorDescriptor(name: name, shape: shape, storage: .raw(.f32)))
        payloads.append(try ElementConversion.bytes(values, as: .f32))
    }

    func read(_ units: Range<Int>, of tensor: Int) throws -> TensorChunk { TensorChunk(streams: [Array(payloads[tensor][units])]) }
}
