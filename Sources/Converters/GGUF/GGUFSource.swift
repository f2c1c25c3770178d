public import QAMFormat

/// One GGUF file. Tensors are in the file's order; elements are little-endian, whatever the file's byte order.
public struct GGUFSource: LendingSource {
    public let metadata: Metadata
    public let tensors: [TensorDescriptor]
    public let warnings: [String]
    public let inputs: [String]
    public let fingerprint: String
    package let header: GGUFHeader
    private let file: any StoredBytes

    /// Opens the file and reads only its header. Throws `notFound`, `io`, or the header's errors; names the kind of a foreign file. O(n log
    /// n) for n tensors and O(bytes of the metadata).
    public init(path: String) throws { try self.init(path: path, access: .buffered) }

    /// The same with another way of reading.
    package init(path: String, access: AccessMode) throws {
        let file = try access.opened(path)
        switch try FileKind.of(file) {
        case .gguf, .unknown: break
        case let kind: throw (kind.refusal ?? QAMError(.malformed, "this is not a GGUF file\(kind == .safetensors ? ", but safetensors" : "")")).inFile(path)
        }
        header = try GGUFHeader(reading: file)
        self.file = file
        metadata = header.metadata
        warnings = header.warnings
        tensors = header.entries.map { TensorDescriptor(name: $0.name, shape: $0.shape, storage: .raw($0.dtype)) }
        inputs = [path]
        fingerprint = "gguf \(file.fingerprint) \(header.hash)"
    }

    /// The file range of a tensor's payload.
    package func range(of tensor: Int) -> Range<Int> {
        let start = header.dataStart + header.entries[tensor].offset
        return start..<start + header.entries[tensor].byteCount
    }

    public func withBytes<Result>(_ range: Range<Int>, ofStream stream: Int, of tensor: Int, _ body: (RawSpan) throws -> Result) throws -> Result {
        let place = try range.placed(in: self.range(of: tensor), of: tensors[tensor])
        guard header.isBigEndian, let fields = GGMLFields(header.entries[tensor].dtype) else { return try file.withBytes(place, body) }
        var bytes = try file.read(place)
        fields.swapBytes(&bytes)
        return try unsafe body(bytes.span.bytes)
    }
}
