/// Reads a .qamw file: the table of contents at once, payloads on demand, from many threads at a time.
///
/// Opening reads and checks header, section table, metadata, directory, codebooks and seeds, and no payload:
/// O(number of tensors). Payload checksums are checked by `verify`, or where the reader `verifiesPayload`, each chunk of
/// 1 MiB when it is first used.
///
/// Three ways lead to the payload: `tensor(named:)` gives a view that lends the stored bytes and decodes rows,
/// `read(_:of:)` copies pieces as every `TensorSource` does, and `files` are what travels with the model. All of them hold
/// the reader, which holds the file: it is closed and unmapped when the last one is gone.
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
    package let payload: Payload

    /// Opens a file by its path. Throws `QAMError`: `notFound`, `io`, or what is wrong with the content.
    ///
    /// - Parameters:
    ///   - access: how the payload's bytes are reached.
    ///   - verifiesPayload: check every chunk of the payload when it is first used, whoever uses it. Damage is then a
    ///     `checksumMismatch` that names section, tensor and chunk.
    public convenience init(
        path: String, access: AccessMode = .buffered, verifiesPayload: Bool = false, limits: Limits = Limits()
    ) throws {
        try self.init(access.open(path), verifiesPayload: verifiesPayload, limits: limits)
    }

    /// Opens what `bytes` holds. Throws what is wrong with it, and what reading throws.
    public init(_ bytes: any ByteSource, verifiesPayload: Bool = false, limits: Limits = Limits()) throws {
        do {
            let opened = try Opened(bytes, limits: limits)
            self.bytes = bytes
            header = opened.header
            version = (Int(opened.header.major), Int(opened.header.minor))
            sections = opened.sections
            metadata = opened.metadata
            shared = opened.shared
            directory = opened.directory
            tensors = opened.directory.tensors
            options = opened.options
            warnings = try opened.warnings + Self.undecodable(opened)
            let checksums = try verifiesPayload
                ? ChecksumTable(
                    SectionLoader(bytes: bytes, sections: opened.sections), directory: opened.directory, limit: limits.checksumBytes)
                : nil
            let payload = Payload(bytes, sections: opened.sections, directory: opened.directory, checksums: checksums)
            self.payload = payload
            let firstFile = opened.directory.extents.count
            files = opened.directory.files.enumerated().map { EmbeddedPart(file: $1, extent: firstFile + $0, payload: payload) }
        } catch let error as QAMError {
            throw error.inFile(bytes.name)
        }
    }

    /// Checks all coded tensors. Returns a warning for each whose codec is unknown.
    private static func undecodable(_ opened: Opened) throws -> [String] {
        let tensors = opened.directory.tensors
        var validator = CodingValidator(shared: opened.shared)
        func isDecodable(_ tensor: Int) throws -> Bool {
            do {
                try validator.validate(tensors[tensor])
                return true
            } catch let error as QAMError where error.code == .unsupported {
                return false
            }
        }
        var kinds = 0
        for kind in opened.directory.kinds where try isDecodable(kind) { kinds += 1 }
        if kinds == opened.directory.kinds.count { return [] }
        return try tensors.indices.compactMap { index in
            guard case .coded(let coding) = tensors[index].storage, try !isDecodable(index) else { return nil }
            return "tensor \"\(tensors[index].name)\" is coded by codec \(coding.codec.rawValue), which this program cannot decode"
        }
    }

    /// The index of the tensor of this name. O(1).
    public func index(of name: String) -> Int? { directory.index.position(of: name, in: tensors) }

    public var inputs: [String] { [bytes.name] }

    /// The header's hash covers the table's, which covers the sections' checksums, which cover everything.
    public var fingerprint: String { "qamw \(XXH3.hash(header.encoded))" }

    public func granule(of tensor: Int) -> Int {
        guard case .raw(let dtype) = tensors[tensor].storage else { return 1 }
        return directory.places[tensor].compression == .none ? dtype.blockBytes : ZstdFrames.pieceSize
    }

    public func read(_ units: Range<Int>, of tensor: Int) throws -> TensorChunk {
        let descriptor = tensors[tensor]
        let place = directory.places[tensor]
        switch descriptor.storage {
        case .alias:
            throw QAMError(.invalidArgument, "an alias has no payload of its own", at: .init(tensor: descriptor.name))
        case .raw:
            return TensorChunk(
                streams: try place.extents.map {
                    try payload.content($0, place.compression, contentLength: descriptor.byteCount, units)
                })
        case .coded(let coding):
            return TensorChunk(
                streams: try zip(coding.streams, place.extents).map { stream, extent in
                    guard case .perRow(let size) = stream.extent else { return [] }
                    return try payload.read(extent, units.lowerBound * size..<units.upperBound * size)
                })
        }
    }

    public func readWhole(stream: Int, of tensor: Int) throws -> [UInt8] {
        let extent = directory.places[tensor].extents.lowerBound + stream
        return try payload.read(extent, 0..<directory.extents[extent].length)
    }

    /// A file inside the container.
    private struct EmbeddedPart: EmbeddedFile {
        let file: Directory.File
        let extent: Int
        let payload: Payload

        var name: String { file.name }
        var byteCount: Int { file.contentLength }

        func read(_ range: Range<Int>) throws -> [UInt8] {
            try payload.content(extent, file.compression, contentLength: file.contentLength, range)
        }
    }
}
