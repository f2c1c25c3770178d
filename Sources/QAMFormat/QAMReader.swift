/// Reads a .qamw file: the table of contents at once, payloads on demand, from many threads at a time.
///
/// Opening reads and checks header, section table, metadata, directory, codebooks and seeds, and no payload:
/// O(number of tensors). Payload checksums are checked by `verify`.
public final class QAMReader: TensorSource {
    /// The version of the file's format.
    public let version: (major: Int, minor: Int)
    public let metadata: Metadata
    public let tensors: [TensorDescriptor]
    public let shared: SharedTables
    public let files: [any EmbeddedFile]
    public let warnings: [String]
    /// What a writer needs to write these very bytes again.
    public let options: ContainerOptions

    package let bytes: any ByteSource
    package let header: FileHeader
    package let sections: [SectionEntry]
    package let directory: Directory

    /// Opens a file by its path. Throws `QAMError`: `notFound`, `io`, or what is wrong with the content.
    public convenience init(path: String, limits: Limits = Limits()) throws {
        try self.init(FileBytes(path: path), limits: limits)
    }

    /// Opens what `bytes` holds.
    public init(_ bytes: any ByteSource, limits: Limits = Limits()) throws {
        do {
            let opened = try Opened(bytes, limits: limits)
            self.bytes = bytes
            header = opened.header
            version = (Int(opened.header.major), Int(opened.header.minor))
            sections = opened.sections
            metadata = opened.metadata
            shared = opened.shared
            directory = opened.directory
            tensors = opened.directory.tensors.map(\.descriptor)
            options = opened.options
            var warnings = opened.warnings
            var validator = CodingValidator(shared: opened.shared)
            for tensor in tensors {
                guard case .coded(let coding) = tensor.storage else { continue }
                do {
                    try validator.validate(tensor)
                } catch let error as QAMError where error.code == .unsupported {
                    warnings.append("tensor \"\(tensor.name)\" is coded by codec \(coding.codec.rawValue), which this program cannot decode")
                }
            }
            self.warnings = warnings
            files = opened.directory.files.map { EmbeddedPart(file: $0, bytes: bytes, sections: opened.sections) }
        } catch let error as QAMError {
            throw error.inFile(bytes.name)
        }
    }

    /// The index of the tensor of this name. O(1).
    public func index(of name: String) -> Int? { directory.index[ExactName(name)] }

    public var inputs: [String] { [bytes.name] }

    /// The header's hash covers the table's, which covers the sections' checksums, which cover everything.
    public var fingerprint: String { "qamw \(XXH3.hash(header.encoded))" }

    public func granule(of tensor: Int) -> Int {
        guard case .raw(let dtype) = tensors[tensor].storage else { return 1 }
        return directory.tensors[tensor].compression == .none ? dtype.blockBytes : ZstdFrames.pieceSize
    }

    public func read(_ units: Range<Int>, of tensor: Int) throws -> TensorChunk {
        let entry = directory.tensors[tensor]
        switch entry.descriptor.storage {
        case .alias:
            throw QAMError(.invalidArgument, "an alias has no payload of its own", at: .init(tensor: entry.descriptor.name))
        case .raw:
            return TensorChunk(
                streams: [
                    try Self.content(
                        entry.extents[0], entry.compression, contentLength: entry.descriptor.byteCount, units, bytes, sections,
                        owner: entry.descriptor.name)
                ])
        case .coded(let coding):
            return TensorChunk(
                streams: try zip(coding.streams, entry.extents).map { stream, extent in
                    guard case .perRow(let size) = stream.extent else { return [] }
                    return try readExtent(extent, units.lowerBound * size..<units.upperBound * size)
                })
        }
    }

    public func readWhole(stream: Int, of tensor: Int) throws -> [UInt8] {
        let extent = directory.tensors[tensor].extents[stream]
        return try readExtent(extent, 0..<extent.length)
    }

    /// Reads a range of an extent's stored bytes.
    private func readExtent(_ extent: SectionExtent, _ range: Range<Int>) throws -> [UInt8] {
        try Self.readExtent(extent, range, bytes, sections)
    }

    private static func readExtent(_ extent: SectionExtent, _ range: Range<Int>, _ bytes: any ByteSource, _ sections: [SectionEntry]) throws -> [UInt8] {
        // A section without bytes is not there.
        guard !range.isEmpty, let section = sections.first(where: { $0.known == extent.section }) else { return [] }
        let start = section.offset + extent.offset
        return try bytes.read(start + range.lowerBound..<start + range.upperBound)
    }

    /// Reads a range of what an extent holds, decompressed.
    private static func content(
        _ extent: SectionExtent, _ compression: Compression, contentLength: Int, _ range: Range<Int>, _ bytes: any ByteSource,
        _ sections: [SectionEntry], owner: String
    ) throws -> [UInt8] {
        guard compression == .zstdFrames else { return try readExtent(extent, range, bytes, sections) }
        do {
            let reader = try ZstdReader(contentLength: contentLength, storedLength: extent.length) {
                try readExtent(extent, $0, bytes, sections)
            }
            return try reader.content(range)
        } catch var error as QAMError where error.code == .malformed {
            error.place = .init(file: bytes.name, section: extent.section.rawValue, tensor: owner)
            throw error
        }
    }

    /// A file inside the container.
    private struct EmbeddedPart: EmbeddedFile {
        let file: Directory.File
        let bytes: any ByteSource
        let sections: [SectionEntry]

        var name: String { file.name }
        var byteCount: Int { file.contentLength }

        func read(_ range: Range<Int>) throws -> [UInt8] {
            try content(file.extent, file.compression, contentLength: file.contentLength, range, bytes, sections, owner: file.name)
        }
    }
}
