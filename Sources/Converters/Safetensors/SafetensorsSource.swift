public import QAMFormat

/// One safetensors file. Tensors are in the order of their payloads.
public struct SafetensorsSource: LendingSource {
    public let metadata: Metadata
    public let tensors: [TensorDescriptor]
    public let warnings: [String]
    public let inputs: [String]
    public let fingerprint: String
    /// The file range of each tensor's payload.
    package let ranges: [Range<Int>]
    private let file: any StoredBytes

    /// Opens the file and reads only its header. Throws `notFound`, `io`, or the header's errors; names the kind of a foreign file. O(n log
    /// n) for n tensors.
    public init(path: String) throws { try self.init(path: path, access: .buffered) }

    /// The same with another way of reading.
    package init(path: String, access: AccessMode) throws {
        let file = try access.opened(path)
        if let refusal = try FileKind.of(file).refusal { throw refusal.inFile(path) }
        let header = try SafetensorsHeader(reading: file)
        self.file = file
        metadata = header.metadata
        warnings = header.warnings
        tensors = header.entries.map { TensorDescriptor(name: $0.name, shape: $0.shape, storage: .raw($0.dtype)) }
        ranges = header.entries.map { header.dataStart + $0.range.lowerBound..<header.dataStart + $0.range.upperBound }
        inputs = [path]
        fingerprint = "safetensors \(file.fingerprint) \(header.hash)"
    }

    public func withBytes<Result>(_ range: Range<Int>, ofStream stream: Int, of tensor: Int, _ body: (RawSpan) throws -> Result) throws -> Result {
        try file.withBytes(range.placed(in: ranges[tensor], of: tensors[tensor]), body)
    }
}
