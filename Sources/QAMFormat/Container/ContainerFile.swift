/// One open .qamw file: its table of contents, and the payloads of its tensors.
///
/// Tensor indices are those of its directory. `QAMReader` presents the model, which is one file or a set of them.
package final class ContainerFile: Sendable {
    package static let fileExtension = "qamw"

    package let bytes: any ByteSource
    package let header: FileHeader
    package let sections: [SectionEntry]
    package let metadata: Metadata
    package let shared: SharedTables
    package let directory: StoredDirectory
    package let options: ContainerOptions
    package let producer: String?
    /// The section `shards` of a file of a set.
    package let shard: ShardSection?
    package let payload: Payload
    package let files: [any EmbeddedFile]
    /// Warnings of opening.
    package let warnings: [String]

    /// `codecs` checks the coded tensors and returns a warning for each that cannot be decoded. Throws errors in the content, with the file's name, and errors
    /// from reading.
    init(
        _ bytes: any ByteSource, verifiesPayload: Bool, limits: Limits, codecs: (StoredDirectory, SharedTables) throws -> [String]
    ) throws {
        do {
            let opened = try Opened(bytes, limits: limits)
            self.bytes = bytes
            header = opened.header
            sections = opened.sections
            metadata = opened.metadata
            shared = opened.shared
            directory = opened.directory
            options = opened.options
            producer = opened.producer
            shard = opened.shard
            warnings = try opened.warnings + codecs(opened.directory, opened.shared)
            let checksums =
                try verifiesPayload
                ? ChecksumTable(
                    SectionLoader(bytes: bytes, sections: opened.sections), directory: opened.directory, limit: limits.checksumBytes)
                : nil
            let payload = Payload(bytes, sections: opened.sections, directory: opened.directory, checksums: checksums)
            self.payload = payload
            files = opened.directory.files.enumerated().map { index, file in
                EmbeddedPart(file: file, extent: opened.directory.extent(ofFile: index), payload: payload)
            }
        } catch let error as QAMError {
            throw error.inFile(bytes.name)
        }
    }

    /// The warning for a file of a set that is opened on its own.
    var loneWarning: String? {
        guard let shard else { return nil }
        let name = ShardName(Path.name(of: bytes.name), fileExtension: Self.fileExtension)
        let first = name.map { $0.file(1).description } ?? "the first one"
        return "this is file \(shard.number) of a set of \(shard.count), and only its tensors are taken; \(first) opens the whole model"
    }

    /// The header's hash covers the table's, which covers the sections' checksums, which cover everything else.
    var fingerprint: String { "qamw \(XXH3.hash(header.encoded))" }

    func granule(of tensor: Int) -> Int {
        let form = directory.form(of: tensor)
        return switch form.storage {
        case .raw(let dtype): form.compression == .none ? dtype.blockBytes : ZstdFrames.pieceSize
        case .coded(let coding): coding.groupRows
        case .alias, .unreadable: 1
        }
    }

    /// Passes a range of a stream's decompressed bytes to `body` (`LendingSource.withBytes`).
    func withBytes<Result>(_ range: Range<Int>, ofStream stream: Int, of tensor: Int, _ body: (RawSpan) throws -> Result) throws -> Result {
        let form = directory.form(of: tensor)
        if case .unreadable(let reason) = form.storage { throw TensorDescriptor.unreadable(reason, directory.name(of: tensor)) }
        guard form.extents.indices.contains(stream) else {
            throw QAMError(.invalidArgument, "the tensor has no stream \(stream) of its own", at: .init(tensor: directory.name(of: tensor)))
        }
        guard case .raw = form.storage, form.compression != .none else {
            return try payload.withBytes(directory.extent(stream, of: tensor), range, body)
        }
        let content = try payload.content(
            directory.extent(0, of: tensor), form.compression, contentLength: directory.descriptor(tensor).byteCount, range)
        return try unsafe body(content.span.bytes)
    }

    /// A file in the container.
    private struct EmbeddedPart: EmbeddedFile {
        let file: Directory.File
        let extent: StoredDirectory.OwnedExtent
        let payload: Payload

        var name: String { file.name }
        var byteCount: Int { file.contentLength }
        var role: EmbeddedFileRole { file.role }

        func read(_ range: Range<Int>) throws -> [UInt8] {
            guard let compression = file.compression else {
                throw QAMError(
                    .unsupported, "the file \"\(name)\" is compressed in a way that this program does not know", at: .init(section: SectionName.files.rawValue))
            }
            return try payload.content(extent, compression, contentLength: file.contentLength, range)
        }
    }
}
