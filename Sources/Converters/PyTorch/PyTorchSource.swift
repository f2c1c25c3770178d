public import QAMFormat

/// A PyTorch file: a zip archive with a pickled state dict, as `torch.save` writes since PyTorch 1.6. Nothing of the pickle is run.
///
/// Tensors have the order of the dictionary. Tensors that share all of their storage, as tied weights do, are aliases of the first; other
/// views of shared storages are tensors of their own.
public struct PyTorchSource: LendingSource {
    public let tensors: [TensorDescriptor]
    public let warnings: [String]
    public let inputs: [String]
    public let fingerprint: String
    private let places: [PyTorchHeader.Place]
    /// The entry that each tensor lies in.
    private let storages: [Int]
    private let entries: [ZipArchive.Entry]
    private let file: any StoredBytes

    public var metadata: Metadata { Metadata() }

    /// Opens the file, and reads the archive's directory and the pickle. Throws `notFound`, `io`, `malformed`, `truncated`, `limitExceeded`,
    /// and `unsupported` for pickles that are more than a plain state dict. O(n log n) for n tensors.
    public init(path: String) throws { try self.init(path: path, access: .buffered) }

    /// The same with another way of reading.
    package init(path: String, access: AccessMode) throws {
        let file = try access.opened(path)
        do {
            if let refusal = try FileKind.of(file).refusal { throw refusal }
            let header = try PyTorchHeader(reading: file)
            (tensors, places, storages, entries) = (header.tensors, header.places, header.storages, header.archive.entries)
            warnings = header.warnings.map { "\(Path.name(of: path)): \($0)" }
            inputs = [path]
            fingerprint = "pytorch \(file.fingerprint) \(header.hash)"
            self.file = file
        } catch let error as QAMError {
            throw error.inFile(path)
        }
    }

    public func withBytes<Result>(_ range: Range<Int>, ofStream stream: Int, of tensor: Int, _ body: (RawSpan) throws -> Result) throws -> Result {
        switch places[tensor] {
        case .contiguous(let place): return try file.withBytes(range.placed(in: place, of: tensors[tensor]), body)
        case .strided(let view):
            let range = try range.placed(in: 0..<tensors[tensor].byteCount, of: tensors[tensor])
            guard range.lowerBound % view.elementBytes == 0, range.upperBound % view.elementBytes == 0 else {
                throw QAMError(.invalidArgument, "the bytes \(range) are not whole elements", at: .init(tensor: tensors[tensor].name))
            }
            let bytes = try view.read(range, from: file)
            return try unsafe body(bytes.span.bytes)
        case .none: throw QAMError(.invalidArgument, "an alias has no payload of its own", at: .init(tensor: tensors[tensor].name))
        }
    }

    /// The file's byte at which a tensor's first element lies; of an alias, its target's.
    package func offset(of tensor: Int) -> Int {
        switch places[tensor] {
        case .contiguous(let range): range.lowerBound
        case .strided(let view): view.start
        case .none: if case .alias(let target) = tensors[tensor].storage { offset(of: target) } else { 0 }
        }
    }

    /// The archive's entries with their ranges in the file and their checksums.
    package var records: [(name: String, range: Range<Int>, checksum: UInt32)] { entries.map { ($0.name, $0.range, $0.checksum) } }

    /// Whether the archive has checksums. PyTorch can leave them out, and writes zeros.
    package var hasChecksums: Bool { entries.contains { $0.checksum != 0 } }

    /// The CRC-32 of a range of the file, read in pieces of 1 MiB.
    func checksum(of range: Range<Int>) throws -> UInt32 {
        var checksum = CRC32()
        for start in stride(from: range.lowerBound, to: range.upperBound, by: 1 << 20) {
            try file.withBytes(start..<min(start + (1 << 20), range.upperBound)) { checksum.update($0) }
        }
        return checksum.value
    }

    /// The entries that hold the storages of the tensors at these indices.
    package func records(of chosen: [Int]) -> [Int] { Set(chosen.map { storages[$0] }).sorted() }
}
