import Synchronization

/// Reads a .qamw file: the table of contents at once, payloads on demand, from many threads at a time.
///
/// Opening reads and checks header, section table, metadata, directory, codebooks and seeds, and no payload:
/// O(number of tensors). Payload checksums are checked by `verify`, or where the reader `verifiesPayload`, each chunk of
/// 1 MiB when it is first used.
///
/// Three ways lead to the payload: `tensor(named:)` gives a view that lends the stored bytes and decodes rows,
/// `read(_:of:)` copies pieces as every `TensorSource` does, and `files` are what travels with the model. All of them hold
/// the reader, which holds the file: it is closed and unmapped when the last one is gone.
public final class QAMReader: LendingSource {
    /// The version of the file's format.
    public let version: (major: Int, minor: Int)
    public let metadata: Metadata
    public let shared: SharedTables
    public let files: [any EmbeddedFile]
    public let warnings: [String]
    /// What a writer needs to write these very bytes again.
    public let options: ContainerOptions
    /// Name and version of the program that wrote the file, where it says so.
    public let producer: String?

    package let bytes: any ByteSource
    package let header: FileHeader
    package let sections: [SectionEntry]
    package let directory: StoredDirectory
    private let descriptors = Mutex<[TensorDescriptor]?>(nil)
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
            options = opened.options
            producer = opened.producer
            warnings = try opened.warnings + Self.undecodable(opened)
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

    /// Checks all coded tensors: one of each form stands for the others. Returns a warning for each tensor that cannot be read.
    private static func undecodable(_ opened: Opened) throws -> [String] {
        let directory = opened.directory
        var validator = CodingValidator(shared: opened.shared)
        var unknown: [Int: String] = [:]
        for (number, form) in directory.forms.enumerated() {
            if case .unreadable(let reason) = form.storage { unknown[number] = "cannot be read: this program does not know its \(reason)" }
            guard case .coded(let coding) = form.storage else { continue }
            if try !validator.isDecodable(directory.descriptor(form.first)) { unknown[number] = CodingValidator.reason(coding.codec) }
        }
        if unknown.isEmpty { return [] }
        return (0..<directory.count).compactMap { tensor in
            unknown[directory.formNumber(of: tensor)].map { "tensor \"\(directory.name(of: tensor))\" \($0)" }
        }
    }

    /// All tensors in the file's order: made when they are first asked for, O(tensors). `tensor(named:)` does without.
    public var tensors: [TensorDescriptor] {
        descriptors.withLock { made in
            if let made { return made }
            let all = (0..<directory.count).map(directory.descriptor)
            made = all
            return all
        }
    }

    /// The index of the tensor of this name. O(1).
    public func index(of name: String) -> Int? { directory.position(of: name) }

    public var inputs: [String] { [bytes.name] }

    /// The header's hash covers the table's, which covers the sections' checksums, which cover everything.
    public var fingerprint: String { "qamw \(XXH3.hash(header.encoded))" }

    public func granule(of tensor: Int) -> Int {
        let form = directory.form(of: tensor)
        guard case .raw(let dtype) = form.storage else { return 1 }
        return form.compression == .none ? dtype.blockBytes : ZstdFrames.pieceSize
    }

    public func withBytes<Result>(_ range: Range<Int>, ofStream stream: Int, of tensor: Int, _ body: (RawSpan) throws -> Result) throws -> Result {
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

    /// A file inside the container.
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
