import Synchronization

/// Reads a .qamw model: the table of contents when opened, payloads on demand. Thread-safe.
///
/// A model is one file, or a set that is opened by its first file (spec section 6.9). Opening reads and validates header, section table, metadata, directory,
/// codebooks and seeds of each file, and checks that the files belong together, without reading payloads: O(number of tensors). Payload checksums are checked
/// by `verify` or, if the reader `verifiesPayload`, for each chunk of 1 MiB on first use.
///
/// There are three ways to access payloads: `tensor(named:)` returns a view that passes out the stored bytes and decodes rows, `read(_:of:)` copies chunks like
/// every `TensorSource`, and `files` are the embedded files. All of them retain the reader, which retains the files: they are closed and unmapped when the last
/// one is released.
public final class QAMReader: LendingSource {
    package let model: ContainerSet
    private let descriptors = Mutex<[TensorDescriptor]?>(nil)

    /// Opens a model by the path of its file, or of the first file of a set; another file of a set is opened on its own, with a warning. Throws `QAMError`:
    /// `notFound`, `io`, or errors in the content; `malformed` if files of the set are missing, were exchanged or contradict the first.
    ///
    /// - Parameters:
    ///   - access: how the payload is read.
    ///   - verifiesPayload: whether every chunk of the payload is verified on first use. Damage is then reported as a `checksumMismatch` that names section,
    ///     tensor and chunk.
    public init(
        path: String, access: AccessMode = .buffered, verifiesPayload: Bool = false, limits: Limits = Limits()
    ) throws {
        func open(_ path: String) throws -> ContainerFile {
            try ContainerFile(access.open(path), verifiesPayload: verifiesPayload, limits: limits)
        }
        do {
            model = try ContainerSet(first: open(path), at: path, open: open)
        } catch let error as QAMError {
            throw error.inFile(path)
        }
    }

    /// Opens the file in `bytes`, on its own. Throws errors in the content and errors from reading.
    public convenience init(_ bytes: any ByteSource, verifiesPayload: Bool = false, limits: Limits = Limits()) throws {
        self.init(alone: try ContainerFile(bytes, verifiesPayload: verifiesPayload, limits: limits))
    }

    /// Reads one file on its own.
    package init(alone file: ContainerFile) { model = ContainerSet(alone: file) }

    /// The version of the file's format.
    public var version: (major: Int, minor: Int) { (Int(header.major), Int(header.minor)) }
    public var metadata: Metadata { model.first.metadata }
    public var shared: SharedTables { model.first.shared }
    public var files: [any EmbeddedFile] { model.first.files }
    public var warnings: [String] { model.warnings }
    /// The options with which a writer reproduces these bytes.
    public var options: ContainerOptions {
        var options = model.first.options
        options.compressesRaw = model.files.contains { $0.options.compressesRaw }
        return options
    }
    /// Name and version of the program that wrote the file, if stated.
    public var producer: String? { model.first.producer }

    /// All tensors in the model's order. Built on first use, O(tensors); `tensor(named:)` does not need it.
    public var tensors: [TensorDescriptor] {
        descriptors.withLock { made in
            if let made { return made }
            let all = (0..<model.tensorCount).map(model.descriptor)
            made = all
            return all
        }
    }

    /// The index of the tensor with this name. O(1).
    public func index(of name: String) -> Int? { model.position(of: name) }

    /// The paths of all files of the model, in order.
    public var inputs: [String] { model.files.map(\.bytes.name) }

    /// For each file: the header's hash covers the table's, which covers the sections' checksums, which cover everything else.
    public var fingerprint: String { model.files.map(\.fingerprint).joined(separator: "\n") }

    public func granule(of tensor: Int) -> Int {
        let (file, local) = model.located(tensor)
        return model.files[file].granule(of: local)
    }

    public func withBytes<Result>(_ range: Range<Int>, ofStream stream: Int, of tensor: Int, _ body: (RawSpan) throws -> Result) throws -> Result {
        let (file, local) = model.located(tensor)
        return try model.files[file].withBytes(range, ofStream: stream, of: local, body)
    }

    // From the first file, which is the only one unless the model is a set.
    package var bytes: any ByteSource { model.first.bytes }
    package var header: FileHeader { model.first.header }
    package var sections: [SectionEntry] { model.first.sections }
    package var directory: StoredDirectory { model.first.directory }
}
