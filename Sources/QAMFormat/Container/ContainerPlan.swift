/// The part of a file that is known before its payload: the bytes of the small sections, the directory, all sizes.
package struct ContainerPlan {
    package let options: ContainerOptions
    package let metadata: [UInt8]
    package let metadataContentLength: Int
    package let codebooks: [UInt8]
    package let seeds: [UInt8]
    package let producer = Array("qamw \(Version.text)".utf8)
    /// The section of a file of a set; the identities in that of the first are zero until the other files are complete.
    package let shards: [UInt8]
    /// The hashes of the content, if the file keeps them.
    package let content: [UInt8]
    static let maximumProducerLength = 255
    /// Extents as if nothing were compressed.
    package let directory: Directory
    private let placement: Placement

    /// Throws `invalidArgument` for content that the format does not allow.
    package init(_ source: any TensorSource, options: ContainerOptions, shards: [UInt8] = [], content: [UInt8] = []) throws {
        guard FileHeader.alignments.contains(options.alignment), options.alignment.nonzeroBitCount == 1 else {
            throw QAMError(.invalidArgument, "the alignment \(options.alignment) is not a power of two from 64 to 2^20")
        }
        self.options = options
        self.shards = shards
        self.content = content
        let stored = try Self.store(source.metadata)
        metadata = stored.bytes
        metadataContentLength = stored.contentLength
        let shared = source.shared
        codebooks = shared.codebooks.isEmpty ? [] : shared.encodedCodebooks
        seeds = shared.seeds.isEmpty ? [] : shared.encodedSeeds
        var placement = Placement()
        directory = try Self.directory(source, shared, options, &placement)
        self.placement = placement
    }

    /// The metadata as stored: compressed if that is shorter.
    package static func store(_ metadata: Metadata) throws -> (bytes: [UInt8], contentLength: Int) {
        let content = metadata.encoded
        guard content.count <= Limits().metadataBytes else {
            throw QAMError(.unsupported, "the metadata would have \(content.count) bytes, more than the \(Limits().metadataBytes) that readers take")
        }
        return (try ZstdFrames.store(content).bytes, content.count)
    }

    private static func directory(
        _ source: any TensorSource, _ shared: SharedTables, _ options: ContainerOptions, _ placement: inout Placement
    ) throws -> Directory {
        guard shared.codebooks.count < 0xFFFF, shared.seeds.count < 0xFFFF else {
            throw QAMError(.invalidArgument, "there are more than 65,534 codebooks or seeds")
        }
        var directory = Directory()
        var names = Set<ExactName>()
        for tensor in source.tensors {
            try tensor.requireReadable()
            guard names.insert(ExactName(tensor.name)).inserted else {
                throw QAMError(.malformed, "there are two tensors of this name", at: .init(tensor: tensor.name))
            }
            guard tensor.shape.count <= 255 else {
                throw QAMError(.unsupported, "it has \(tensor.shape.count) dimensions, more than 255", at: .init(tensor: tensor.name))
            }
            place(tensor, options, &placement, &directory)
        }
        for file in source.files {
            let extent = placement.next(.files, length: file.byteCount)
            directory.files.append(.init(name: file.name, contentLength: file.byteCount, extent: extent, compression: Compression.none, role: file.role))
        }
        return directory
    }

    private static func place(
        _ tensor: TensorDescriptor, _ options: ContainerOptions, _ placement: inout Placement, _ directory: inout Directory
    ) {
        let firstExtent = directory.extents.count
        var compression = Compression.none
        switch tensor.storage {
        case .raw:
            directory.extents.append(placement.next(.raw, length: tensor.byteCount))
            if options.compressesRaw { compression = .zstdFrames }
        case .coded(let coding):
            for stream in coding.streams {
                directory.extents.append(placement.next(stream.role.section, length: stream.byteCount(rows: tensor.rows)))
            }
        case .alias, .unreadable:
            break
        }
        directory.append(tensor, firstExtent: firstExtent, compression: compression)
    }

    /// The section table up to `files`, given that section's stored length; `raw` and `checksums` follow.
    package func sections(filesLength: Int) -> SectionPlan {
        let directoryBytes = directory.encoded
        var plan = SectionPlan(sectionCount: sectionCount, alignment: options.alignment)
        plan.append(
            .metadata, length: metadata.count, contentLength: metadataContentLength,
            flags: metadata.count == metadataContentLength ? [] : .zstd, checksum: XXH3.hash(metadata),
            roomEnd: roomEnd)
        plan.append(.directory, length: directoryBytes.count, checksum: XXH3.hash(directoryBytes))
        if !codebooks.isEmpty { plan.append(.codebooks, length: codebooks.count, checksum: XXH3.hash(codebooks)) }
        if !seeds.isEmpty { plan.append(.seeds, length: seeds.count, checksum: XXH3.hash(seeds)) }
        plan.append(.producer, length: producer.count, checksum: XXH3.hash(producer))
        if !shards.isEmpty { plan.append(.shards, length: shards.count, checksum: XXH3.hash(shards)) }
        if !content.isEmpty { plan.append(.content, length: content.count, checksum: XXH3.hash(content)) }
        for name in [SectionName.scales, .symbols] where placement.length(of: name) > 0 {
            plan.append(name, length: placement.length(of: name))
        }
        if placement.length(of: .files) > 0 { plan.append(.files, length: filesLength) }
        return plan
    }

    /// The end of the space for in-place edits.
    private var roomEnd: Int {
        let needed = InPlaceEdit.roomNeeded(sectionCount: sectionCount, metadataLength: metadata.count)
        let isEnough = needed <= options.metadataCapacity
        return FileHeader.byteCount + (isEnough ? options.metadataCapacity : needed + InPlaceEdit.usualGrowth)
    }

    /// Differs if the small sections differ, because of the options or because another version of the program writes the same source differently, for instance
    /// with other codebooks.
    package var fingerprint: String {
        let hashes = [metadata, codebooks, seeds, producer, shards, content, directory.encoded].map { XXH3.hash($0) }
        return "\(FileHeader.major).\(FileHeader.minor) \(options) \(hashes)"
    }

    package var hasRaw: Bool { placement.length(of: .raw) > 0 }

    private var sectionCount: Int {
        // Metadata, directory, producer and checksums are always present.
        4 + (codebooks.isEmpty ? 0 : 1) + (seeds.isEmpty ? 0 : 1) + (shards.isEmpty ? 0 : 1) + (content.isEmpty ? 0 : 1)
            + [SectionName.scales, .symbols, .files, .raw].count { placement.length(of: $0) > 0 }
    }

    /// The file's length without any compression.
    package var byteCount: Int { byteCount(files: directory.files.map(\.extent)) }

    /// The file's length with the embedded files as stored: exact, unless raw tensors are compressed too.
    package func byteCount(storing files: [any EmbeddedFile]) throws -> Int {
        var placement = Placement()
        return byteCount(
            files: try files.map { file in
                placement.next(.files, length: try ZstdFrames.store(file.read(0..<file.byteCount)).bytes.count)
            })
    }

    private func byteCount(files: [SectionExtent]) -> Int {
        var plan = sections(filesLength: files.last?.end ?? 0)
        if hasRaw { plan.append(.raw, length: placement.length(of: .raw)) }
        let extents = files + directory.extents
        return plan.nextOffset + 8 * extents.reduce(0) { $0 + $1.chunkCount }
    }
}
