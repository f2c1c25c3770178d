/// What a model's tensors come to in bytes and weights.
public struct ModelSize: Hashable, Sendable {
    /// Weights, each once: an alias has none of its own.
    public private(set) var parameters = 0
    /// The bytes of all payloads.
    public private(set) var bytes = 0
    /// The weights of the quantized tensors.
    public private(set) var quantizedParameters = 0
    /// The bytes of their payloads.
    public private(set) var quantizedBytes = 0
    /// What the quantized tensors need beside their payloads: codebooks, seeds, checksums and padding between them.
    public private(set) var overheadBytes = 0
    /// The number of quantized tensors.
    public private(set) var quantizedCount = 0
    /// Tensors of plain elements.
    public private(set) var rawCount = 0
    /// Other names for tensors.
    public private(set) var aliasCount = 0
    /// Tensors that can only be listed.
    public private(set) var unreadableCount = 0

    /// Adds up the list of tensors; reads no payload. O(tensors).
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

    /// Bits of all payloads for each weight.
    public var bitsPerWeight: Double { Self.bits(bytes, parameters) }
    /// Bits of the quantized tensors for each of their weights, all overhead included.
    public var quantizedBitsPerWeight: Double { Self.bits(quantizedBytes + overheadBytes, quantizedParameters) }

    private static func bits(_ bytes: Int, _ parameters: Int) -> Double { parameters > 0 ? Double(bytes) * 8 / Double(parameters) : 0 }
}
