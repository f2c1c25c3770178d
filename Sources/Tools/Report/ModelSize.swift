internal import Architectures
internal import Converters
internal import QAMFormat

/// The total size of a model's tensors.
struct ModelSize {
    /// The number of weights; aliases count nothing.
    private(set) var parameters = 0
    /// The bytes of all payloads.
    private(set) var bytes = 0
    private(set) var quantizedParameters = 0
    private(set) var quantizedBytes = 0
    /// Overhead of quantized tensors in addition to their payloads: codebooks, seeds, checksums and padding.
    private(set) var overheadBytes = 0
    private(set) var quantizedCount = 0
    private(set) var rawCount = 0
    private(set) var aliasCount = 0
    private(set) var unreadableCount = 0

    init(_ source: any TensorSource) {
        let alignment = SectionExtent.alignment
        for tensor in source.tensors {
            bytes += tensor.byteCount
            switch tensor.storage {
            case .alias:
                aliasCount += 1
            case .unreadable:
                unreadableCount += 1
            case .raw:
                rawCount += 1
                parameters += tensor.elementCount
            case .coded(let coding):
                quantizedCount += 1
                parameters += tensor.elementCount
                quantizedParameters += tensor.elementCount
                quantizedBytes += tensor.byteCount
                for stream in coding.streams {
                    let length = stream.byteCount(rows: tensor.rows)
                    overheadBytes += alignUp(length, to: alignment) - length
                    overheadBytes += 8 * SectionExtent.chunkCount(length: length)
                }
            }
        }
        guard quantizedCount > 0 else { return }
        overheadBytes += source.shared.encodedCodebooks.count + source.shared.encodedSeeds.count
    }

    var bitsPerWeight: Double { Self.bits(bytes, parameters) }
    var quantizedBitsPerWeight: Double { Self.bits(quantizedBytes + overheadBytes, quantizedParameters) }

    private static func bits(_ bytes: Int, _ parameters: Int) -> Double { parameters > 0 ? Double(bytes) * 8 / Double(parameters) : 0 }

    var tensorsJSON: JSONValue {
        ["quantized": JSONValue(quantizedCount), "raw": JSONValue(rawCount), "aliased": JSONValue(aliasCount)]
    }

    var quantizedJSON: JSONValue {
        [
            "parameters": JSONValue(quantizedParameters), "bytes": JSONValue(quantizedBytes), "overheadBytes": JSONValue(overheadBytes),
            "bitsPerWeight": .number(quantizedBitsPerWeight),
        ]
    }
}
