package import QAMFormat

/// Represents a model with coded tensors in a format without them: every stream, codebook and seed becomes a plain tensor, and one metadata
/// string, the directory, describes their relations. `UnpackingSource` restores the identical model.
///
/// Depends on streams and tables, not on codecs. An alias is only an entry in the directory.
package struct PackingSource: WrappingSource {
    package let metadata: Metadata
    package let tensors: [TensorDescriptor]
    package let files: [any EmbeddedFile]
    package let fingerprint: String
    package let base: any TensorSource
    /// The content of each of `tensors`.
    private let contents: [Content]

    private enum Content {
        case tensor(Int)
        case stream(Int, of: Int)
        case bytes([UInt8])
        case file(any EmbeddedFile)
    }

    /// `options` are stored in the directory for `UnpackingSource.options`; their keys must be unique. With `carryingFiles`, embedded files
    /// become tensors too, for formats or outputs without files; otherwise, config.json says that
    /// the weights are packed. `host` is the target format.
    ///
    /// Throws `unsupported` if the model uses a name that packing needs.
    package init(wrapping base: any TensorSource, options: [(String, String)] = [], carryingFiles: Bool = false, host: PackedHost = .safetensors) throws {
        var directory = PackedDirectory()
        directory.options = options.map { PackedDirectory.Option(key: $0.0, value: $0.1) }
        directory.codebooks = base.shared.codebooks.map(\.codec)
        directory.seedCount = base.shared.seeds.count
        directory.tensors = base.tensors
        if carryingFiles { directory.files = base.files.map(\.name) }
        for file in base.files where file.role != EmbeddedFileRole(ofName: file.name) {
            directory.roles.append(PackedDirectory.Role(file: file.name, role: file.role))
        }
        if let entry = base.metadata.unreadable.first {
            throw QAMError(.unsupported, "the metadata \"\(entry.key)\" have a type that this program does not know; remove them first")
        }

        var carriers: [(TensorDescriptor, Content)] = []
        func carry(_ name: String, _ bytes: [UInt8], _ dtype: DType = .u8) {
            let plain = TensorDescriptor(name: name, shape: [bytes.count / dtype.blockBytes], storage: .raw(dtype))
            carriers.append((host.carrier(plain, shortName: name), .bytes(bytes)))
        }
        for (index, codebook) in base.shared.codebooks.enumerated() { carry(PackedNames.codebook(index), codebook.bytes) }
        if !base.shared.seeds.isEmpty {
            var seeds = ByteWriter()
            for seed in base.shared.seeds { seeds.integer(seed) }
            carry(PackedNames.seeds, seeds.bytes, .u64)
        }
        for (index, tensor) in base.tensors.enumerated() {
            switch tensor.storage {
            case .raw: carriers.append((host.carrier(tensor, shortName: PackedNames.short(tensor: index)), .tensor(index)))
            case .alias: break
            case .unreadable(let reason): throw TensorDescriptor.unreadable(reason, tensor.name)
            case .coded(let coding):
                for (number, stream) in coding.streams.enumerated() {
                    let shortName = PackedNames.short(tensor: index, stream.role)
                    carriers.append((host.carrier(PackedNames.carrier(of: stream, in: tensor), shortName: shortName), .stream(number, of: index)))
                }
            }
        }
        if carryingFiles {
            for (index, file) in base.files.enumerated() {
                let descriptor = TensorDescriptor(name: PackedNames.file(file.name), shape: [file.byteCount], storage: .raw(.u8))
                carriers.append((host.carrier(descriptor, shortName: PackedNames.short(file: index)), .file(file)))
            }
        }
        try Self.checkNames(carriers.map(\.0.name), base)

        var metadata = base.metadata
        metadata.set(PackedNames.directory, .string(directory.json))
        self.metadata = metadata
        self.base = base
        tensors = carriers.map(\.0)
        contents = carriers.map(\.1)
        files = try carryingFiles ? [] : host.isTransformers ? base.files.map(PackedConfiguration.added) : base.files
        fingerprint = "packed \(carryingFiles) \(carriers.map(\.0.name)) \(directory.json)\n\(base.fingerprint)"
    }

    /// Empty: the tables are tensors.
    package var shared: SharedTables { SharedTables() }

    package func origin(of tensor: Int) -> Int? {
        if case .tensor(let index) = contents[tensor] { index } else { nil }
    }

    package func granule(of tensor: Int) -> Int {
        switch contents[tensor] {
        case .tensor(let index): base.granule(of: index)
        case .stream(let stream, let index): max(1, streams(of: index)[stream].bytes(of: 0..<max(1, base.granule(of: index)))?.count ?? 0)
        case .bytes, .file: 1
        }
    }

    package func read(_ units: Range<Int>, of tensor: Int) throws -> TensorChunk {
        switch contents[tensor] {
        case .tensor(let index): return try base.read(units, of: index)
        case .bytes(let bytes): return TensorChunk(streams: [Array(bytes[units])])
        case .file(let file): return TensorChunk(streams: [try file.read(units)])
        case .stream(let stream, let index): return TensorChunk(streams: [try base.bytes(units, ofStream: stream, of: index)])
        }
    }

    private func streams(of tensor: Int) -> [StreamLayout] {
        if case .coded(let coding) = base.tensors[tensor].storage { coding.streams } else { [] }
    }

    private static func checkNames(_ names: [String], _ base: any TensorSource) throws {
        guard base.metadata[PackedNames.directory] == nil else {
            throw QAMError(.unsupported, "the model has metadata \"\(PackedNames.directory)\": it is packed already")
        }
        var seen: Set<ExactName> = []
        for name in names where !seen.insert(ExactName(name)).inserted {
            throw QAMError(.unsupported, "packing needs this name, but it is another tensor's", at: .init(tensor: name))
        }
    }
}
