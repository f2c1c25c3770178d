public import QAMFormat

/// One GGUF file. Tensors come in the file's order, their elements little-endian whatever the file's byte order is.
public struct GGUFSource: TensorSource {
    public let metadata: Metadata
    public let tensors: [TensorDescriptor]
    public let warnings: [String]
    public let inputs: [String]
    public let fingerprint: String
    package let header: GGUFHeader
    private let file: FileBytes

    /// Opens the file and reads its header, no payload. Throws `notFound`, `io`, or what the header deserves: a file of
    /// another kind is told by name. O(n log n) for n tensors and O(bytes of the metadata).
    public init(path: String) throws {
        let file = try FileBytes(path: path)
        switch try FileKind.of(file) {
        case .gguf, .unknown: break
        case let kind: throw (kind.refusal ?? QAMError(.malformed, "this is no GGUF file\(kind == .safetensors ? ", but safetensors" : "")")).inFile(path)
        }
        header = try GGUFHeader(reading: file)
        self.file = file
        metadata = header.metadata
        warnings = header.warnings
        tensors = header.entries.map { TensorDescriptor(name: $0.name, shape: $0.shape, storage: .raw($0.dtype)) }
        inputs = [path]
        fingerprint = "gguf \(file.fingerprint) \(header.hash)"
    }

    /// Where a tensor's payload lies in the file.
    package func range(of tensor: Int) -> Range<Int> {
        let start = header.dataStart + header.entries[tensor].offset
        return start..<start + header.entries[tensor].byteCount
    }

    public func read(_ units: Range<Int>, of tensor: Int) throws -> TensorChunk {
        let range = range(of: tensor)
        guard units.lowerBound >= 0, units.upperBound <= range.count else {
            throw QAMError(.invalidArgument, "the tensor has \(range.count) bytes, not \(units)", at: .init(tensor: tensors[tensor].name))
        }
        var bytes = try file.read(range.lowerBound + units.lowerBound..<range.lowerBound + units.upperBound)
        if header.isBigEndian { GGMLFields(header.entries[tensor].dtype)?.swapBytes(&bytes) }
        return TensorChunk(streams: [bytes])
    }
}
