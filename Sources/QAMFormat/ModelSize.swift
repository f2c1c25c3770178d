/// The size of a model's tensors, in bytes and weights.
public struct ModelSize: Hashable, Sendable {
    /// The number of weights, without aliases.
    public private(set) var parameters = 0
    /// The bytes of all payloads.
    public private(set) var bytes = 0
    /// The number of weights of quantized tensors.
    public private(set) var quantizedParameters = 0
    /// The bytes of quantized tensors' payloads.
    public private(set) var quantizedBytes = 0
    /// The overhead of quantized tensors beyond their payloads: codebooks, seeds, checksums and padding.
    public private(set) var overheadBytes = 0
    /// The number of quantized tensors.
    public private(set) var quantizedCount = 0
    /// The number of raw tensors.
    public private(set) var rawCount = 0
    /// The number of aliases.
    public private(set) var aliasCount = 0
    /// The number of tensors that cannot be read.
    public private(set) var unreadableCount = 0

    /// Computed from the list of tensors, without reading payloads. O(tensors).
    public init(_ source: any TensorSource) {
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

    /// The bytes of all payloads, and the overhead of quantized tensors.
    public var storedBytes: Int { bytes + overheadBytes }
    /// Bits per weight of all payloads.
    public var bitsPerWeight: Double { Self.bits(bytes, parameters) }
    /// Bits per weight of the quantized tensors, including all overhead.
    public var quantizedBitsPerWeight: Double { Self.bits(quantizedBytes + overheadBytes, quantizedParameters) }

    private static func bits(_ bytes: Int, _ parameters: Int) -> Double { parameters > 0 ? Double(bytes) * 8 / Double(parameters) : 0 }
}
