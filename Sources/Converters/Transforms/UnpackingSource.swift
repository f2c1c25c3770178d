package import QAMFormat

/// Restores a packed model: same tensors in the same order, same tables, metadata and files.
///
/// The initializer checks the directory and the carriers against each other. A carrier may have any plain type that holds its bytes, since
/// not every format supports all types.
package struct UnpackingSource: WrappingSource, LendingSource {
    package let metadata: Metadata
    package let tensors: [TensorDescriptor]
    package let shared: SharedTables
    package let files: [any EmbeddedFile]
    /// The `options` passed to `PackingSource`, in order.
    package let options: [(key: String, value: String)]
    package let base: any TensorSource
    /// Warnings about tensors that this program cannot decode.
    private let undecodable: [String]
    /// The carriers in `base` of each tensor: one for a raw tensor, one per stream for a coded one.
    private let carriers: [[Int]]

    /// The limit for all codebooks and seeds together: they are held in memory.
    private static let maximumTableBytes = 1 << 26

    /// Whether a source is a packed model.
    package static func isPacked(_ source: any TensorSource) -> Bool { source.metadata[PackedNames.directory] != nil }

    /// Throws `malformed` if directory and tensors contradict each other, or coded tensors violate the rules of their codec, the same as
    /// for .qamw files; `unsupported` for a later version.
    package init(wrapping base: any TensorSource) throws {
        guard case .string(let json)? = base.metadata[PackedNames.directory] else {
            throw QAMError(.invalidArgument, "the model is not packed: it has no metadata \"\(PackedNames.directory)\"")
        }
        let directory = try PackedDirectory(parsing: json)
        var finder = CarrierFinder(base)
        carriers = try directory.tensors.enumerated().map { index, tensor in
            switch tensor.storage {
            case .raw: [try finder.take(tensor.name, or: PackedNames.short(tensor: index), byteCount: tensor.byteCount)]
            case .alias, .unreadable: []
            case .coded(let coding):
                try coding.streams.map {
                    try finder.take(
                        PackedNames.stream($0.role, of: tensor.name), or: PackedNames.short(tensor: index, $0.role),
                        byteCount: $0.byteCount(rows: tensor.rows))
                }
            }
        }
        shared = try Self.tables(directory, &finder, base)
        var files = try base.files.map(PackedConfiguration.removed)
        for (number, name) in directory.files.enumerated() {
            let index = try finder.take(PackedNames.file(name), or: PackedNames.short(file: number), byteCount: nil)
            files.append(CarriedFile(name: name, base: base, tensor: index))
        }
        try finder.end()
        let roles = Dictionary(uniqueKeysWithValues: directory.roles.map { (ExactName($0.file), $0.role) })
        files = files.map { file in roles[ExactName(file.name)].map { RoledFile(base: file, role: $0) } ?? file }
        files.sort { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
        guard Set(files.map { ExactName($0.name) }).count == files.count else {
            throw QAMError(.malformed, "an embedded file is carried twice", at: .init(section: PackedNames.directory))
        }
        self.files = files
        self.base = base
        tensors = directory.tensors
        options = directory.options.map { ($0.key, $0.value) }
        _ = try ContainerOptions(packed: options)
        var validator = CodingValidator(shared: shared)
        undecodable = try directory.tensors.compactMap { try validator.warning($0) }
        var metadata = base.metadata
        metadata.remove(PackedNames.directory)
        self.metadata = metadata
    }

    package var warnings: [String] { base.warnings + undecodable }
    package var fingerprint: String { "unpacked\n\(base.fingerprint)" }

    /// A raw tensor's only carrier, whatever its type in the host.
    package func origin(of tensor: Int) -> Int? {
        if case .raw = tensors[tensor].storage { carriers[tensor][0] } else { nil }
    }

    package func granule(of tensor: Int) -> Int {
        if case .coded(let coding) = tensors[tensor].storage { return coding.groupRows }
        return origin(of: tensor).map { base.granule(of: $0) } ?? 1
    }

    package func withBytes<Result>(_ range: Range<Int>, ofStream stream: Int, of tensor: Int, _ body: (RawSpan) throws -> Result) throws -> Result {
        try tensors[tensor].requireReadable()
        guard carriers[tensor].indices.contains(stream) else {
            throw QAMError(.invalidArgument, "the tensor has no stream \(stream) of its own", at: .init(tensor: tensors[tensor].name))
        }
        return try base.withStream(0, range, of: carriers[tensor][stream], body)
    }

    // Both protocols have defaults: what is lent is the base's.
    package func read(_ units: Range<Int>, of tensor: Int) throws -> TensorChunk { try lent(units, of: tensor) }

    package func withElements<Result>(_ units: Range<Int>, of tensor: Int, _ body: (RawSpan) throws -> Result) throws -> Result {
        try withBytes(units, ofStream: 0, of: tensor, body)
    }

    package func readWhole(stream: Int, of tensor: Int) throws -> [UInt8] { try lentWhole(stream: stream, of: tensor) }

    private static func tables(
        _ directory: PackedDirectory, _ finder: inout CarrierFinder, _ base: any TensorSource
    ) throws -> SharedTables {
        var left = maximumTableBytes
        func contents(_ carrier: Int) throws -> [UInt8] {
            let tensor = base.tensors[carrier]
            guard tensor.byteCount <= left else {
                throw QAMError(
                    .limitExceeded, "codebooks and seeds have more than \(maximumTableBytes) bytes",
                    at: .init(tensor: tensor.name))
            }
            left -= tensor.byteCount
            return try base.bytes(0..<tensor.byteCount, of: carrier)
        }
        var tables = SharedTables()
        for (index, codec) in directory.codebooks.enumerated() {
            let carrier = try finder.take(PackedNames.codebook(index), byteCount: nil)
            tables.codebooks.append(CodebookRecord(codec: codec, bytes: try contents(carrier)))
        }
        if directory.seedCount > 0 {
            let (byteCount, overflow) = directory.seedCount.multipliedReportingOverflow(by: 8)
            let carrier = try finder.take(PackedNames.seeds, byteCount: overflow ? Int.max : byteCount)
            var reader = ByteReader(try contents(carrier), section: PackedNames.seeds)
            for _ in 0..<directory.seedCount { tables.seeds.append(try reader.integer()) }
        }
        return tables
    }
}

/// Finds the tensors that the directory refers to, each once.
private struct CarrierFinder {
    private let tensors: [TensorDescriptor]
    private var indices: [ExactName: Int] = [:]

    init(_ base: any TensorSource) {
        tensors = base.tensors
        for (index, tensor) in tensors.enumerated() { indices[ExactName(tensor.name)] = index }
    }

    /// `shortName` is the substitute if the host cannot store the name.
    mutating func take(_ name: String, or shortName: String? = nil, byteCount: Int?) throws -> Int {
        let found = indices.removeValue(forKey: ExactName(name)) ?? shortName.flatMap { indices.removeValue(forKey: ExactName($0)) }
        guard let index = found, case .raw = tensors[index].storage else {
            throw QAMError(
                .malformed, "the directory needs this tensor once, and it is not there",
                at: .init(section: PackedNames.directory, tensor: name))
        }
        guard byteCount == nil || tensors[index].byteCount == byteCount else {
            throw QAMError(
                .malformed, "it has \(tensors[index].byteCount) bytes, but the directory needs \(byteCount ?? 0)",
                at: .init(section: PackedNames.directory, tensor: name))
        }
        return index
    }

    /// Throws `malformed` if any tensor was not taken.
    func end() throws {
        guard let stray = indices.values.min() else { return }
        throw QAMError(
            .malformed, "the directory does not list this tensor",
            at: .init(section: PackedNames.directory, tensor: tensors[stray].name))
    }
}

/// A file whose role differs from the one implied by its name.
private struct RoledFile: EmbeddedFile {
    let base: any EmbeddedFile
    let role: EmbeddedFileRole

    var name: String { base.name }
    var byteCount: Int { base.byteCount }

    func read(_ range: Range<Int>) throws -> [UInt8] { try base.read(range) }
}

/// An embedded file stored as a tensor of bytes.
private struct CarriedFile: EmbeddedFile {
    let name: String
    let base: any TensorSource
    let tensor: Int

    var byteCount: Int { base.tensors[tensor].byteCount }

    func read(_ range: Range<Int>) throws -> [UInt8] { try base.bytes(range, of: tensor) }
}

extension TensorSource {
    fileprivate func bytes(_ range: Range<Int>, of tensor: Int) throws -> [UInt8] {
        try range.isEmpty ? [] : read(range, of: tensor).streams.first ?? []
    }
}
