/// Writes one .qamw file from its plan.
final class ContainerAssembly {
    private let source: any TensorSource
    private let tensors: [TensorDescriptor]
    private let plan: ContainerPlan
    private let output: OutputFile
    private var sections: SectionPlan
    private var directory: Directory
    private var rawPlacement = Placement()
    private var hashes: [SectionName: [UInt64]] = [:]
    /// The streams of the current tensor, one for each extent.
    private var streams: [StreamWriter] = []

    /// `source` has the tensors and the embedded files of this file.
    init(source: any TensorSource, plan: ContainerPlan, output: OutputFile) {
        self.source = source
        tensors = source.tensors
        self.plan = plan
        self.output = output
        directory = plan.directory
        sections = plan.sections(filesLength: 0)
    }

    /// Writes the small sections and the embedded files.
    func begin(isNew: Bool) throws {
        // Padding between payloads must be zero, whatever an interrupted run has left.
        if isNew {
            try output.setLength(0)
            if !plan.options.compressesRaw { try output.setLength(plan.byteCount) }
        }
        try writeFiles()
        let small = [
            (SectionName.metadata, plan.metadata), (.codebooks, plan.codebooks), (.seeds, plan.seeds), (.producer, plan.producer), (.content, plan.content),
        ]
        for (name, bytes) in small {
            if let section = sections[name] { try output.write(bytes, at: section.offset) }
        }
        if plan.hasRaw { sections.append(.raw, length: 0) }
    }

    func write(_ chunk: TensorChunk, of tensor: Int) throws {
        if streams.isEmpty { streams = makeStreams(tensor) }
        for index in streams.indices where index < chunk.streams.count { try streams[index].write(chunk.streams[index], to: output) }
    }

    /// Completes a tensor. Returns the extents and hashes of its bytes.
    func endTensor(_ tensor: Int) throws -> [ResumeJournal.Record.Extent] {
        if streams.isEmpty { streams = makeStreams(tensor) }
        if case .coded(let coding) = tensors[tensor].storage {
            for (index, stream) in coding.streams.enumerated() {
                guard case .whole = stream.extent else { continue }
                try streams[index].write(try source.readWhole(stream: index, of: tensor), to: output)
            }
        }
        var extents: [ResumeJournal.Record.Extent] = []
        for index in streams.indices { extents.append(try streams[index].finish(output)) }
        streams = []
        guard take(extents, of: tensor) else {
            throw QAMError(.invalidArgument, "the source gave more or fewer bytes than the shape needs", at: .init(tensor: tensors[tensor].name))
        }
        return extents
    }

    /// Restores a tensor of an interrupted run; false if its bytes do not verify.
    func takeUp(_ record: ResumeJournal.Record, of tensor: Int) -> Bool {
        let streams = makeStreams(tensor)
        return zip(streams, record.extents).allSatisfy({ $0.verifies($1, in: output) }) && take(record.extents, of: tensor)
    }

    /// Bytes after the last compressed tensor may be left over from a longer one.
    func cutRemains() throws {
        guard plan.options.compressesRaw, let raw = sections[.raw] else { return }
        try output.setLength(raw.offset + rawPlacement.length(of: .raw))
    }

    /// Writes the remaining sections, with the given `shards` section if the file is the first of a set. Returns the sections of the complete file.
    func finish(shards: [UInt8]? = nil, isResumed: Bool) throws -> [SectionEntry] {
        var checksums = ByteWriter()
        for entry in sections.entries {
            guard let name = entry.known, name.isChunked else { continue }
            var list = ByteWriter()
            for hash in hashes[name] ?? [] { list.integer(hash) }
            var updated = entry
            updated.checksum = XXH3.hash(list.bytes)
            if name == .raw {
                updated.length = rawPlacement.length(of: .raw)
                updated.contentLength = updated.length
            }
            sections[name] = updated
            checksums.append(list.bytes)
        }
        sections.fitLast()
        sections.append(.checksums, length: checksums.bytes.count, checksum: XXH3.hash(checksums.bytes))
        let directoryBytes = directory.encoded
        if var entry = sections[.directory] {
            entry.checksum = XXH3.hash(directoryBytes)
            sections[.directory] = entry
            try output.write(directoryBytes, at: entry.offset)
        }
        let shards = shards ?? plan.shards
        if var entry = sections[.shards] {
            entry.checksum = XXH3.hash(shards)
            sections[.shards] = entry
            try output.write(shards, at: entry.offset)
        }
        let length = sections.end
        let table = SectionTable.encode(sections.entries)
        let header = FileHeader(
            alignment: plan.options.alignment, fileLength: length, sectionCount: sections.entries.count, tableHash: XXH3.hash(table))
        if let entry = sections[.checksums] { try output.write(checksums.bytes, at: entry.offset) }
        try output.write(header.encoded, at: 0)
        try output.write(table, at: header.tableOffset)
        try output.setLength(length)
        if isResumed { try clearPadding() }
        return sections.entries
    }

    // MARK: Parts

    /// Writes every embedded file at its planned place, compressed if that is shorter.
    private func writeFiles() throws {
        guard let section = sections[.files] else { return }
        var placement = Placement()
        for (index, file) in source.files.enumerated() {
            let (stored, isCompressed) = try ZstdFrames.store(file.read(0..<file.byteCount))
            let extent = placement.next(.files, length: stored.count)
            directory.files[index].extent = extent
            directory.files[index].compression = isCompressed ? .zstdFrames : Compression.none
            try output.write(stored, at: section.offset + extent.offset)
            var chunks = ChunkHashes()
            chunks.update(stored)
            hashes[.files, default: []] += chunks.finish()
        }
        sections = plan.sections(filesLength: placement.length(of: .files))
    }

    /// Zeros the padding between sections and between extents, which an earlier run may have written to.
    private func clearPadding() throws {
        var end = FileHeader.byteCount + sections.entries.count * SectionEntry.byteCount
        for section in sections.entries {
            try output.write([UInt8](repeating: 0, count: section.offset - end), at: end)
            end = section.end
            guard let name = section.known, name.isChunked else { continue }
            var extentEnd = 0
            for extent in directory.extents(in: name) {
                try output.write([UInt8](repeating: 0, count: extent.offset - extentEnd), at: section.offset + extentEnd)
                extentEnd = extent.end
            }
        }
    }

    private func makeStreams(_ tensor: Int) -> [StreamWriter] {
        let compression = directory.places[tensor].compression
        return directory.extents(of: tensor).map { extent in
            guard let section = sections[extent.section] else {
                // Only empty extents have no section, and nothing is written to them.
                return StreamWriter(offset: 0, compresses: false)
            }
            guard compression == .zstdFrames else { return StreamWriter(offset: section.offset + extent.offset, compresses: false) }
            return StreamWriter(offset: section.offset + rawPlacement.nextOffset(in: .raw), compresses: true)
        }
    }

    /// Adds a complete tensor to directory and checksums; false if its lengths are wrong.
    private func take(_ extents: [ResumeJournal.Record.Extent], of tensor: Int) -> Bool {
        let place = directory.places[tensor]
        guard extents.count == place.extents.count else { return false }
        for (index, written) in zip(place.extents, extents) {
            guard place.compression == .zstdFrames || written.length == directory.extents[index].length else { return false }
        }
        for (index, written) in zip(place.extents, extents) {
            let section = directory.extents[index].section
            if section == .raw { directory.extents[index] = rawPlacement.next(.raw, length: written.length) }
            hashes[section, default: []] += written.hashes
        }
        return true
    }
}
