/// A file's table of contents, parsed and validated: shared by reading, verifying and editing.
package struct Opened {
    package let header: FileHeader
    package let sections: [SectionEntry]
    package let metadata: Metadata
    package let directory: StoredDirectory
    package let shared: SharedTables
    package let options: ContainerOptions
    /// The program that wrote the file, if stated.
    package let producer: String?
    /// The section `shards` of a file of a set.
    package let shard: ShardSection?
    package private(set) var warnings: [String] = []

    package init(_ bytes: any ByteSource, limits: Limits) throws {
        header = try FileHeader(try bytes.read(0..<min(FileHeader.byteCount, bytes.byteCount)), actualLength: bytes.byteCount)
        guard let table = header.table else {
            throw QAMError(.truncated, "the section table reaches beyond the end of the file", at: .init(section: "section table", offset: header.tableOffset))
        }
        sections = try SectionTable.decode(try bytes.read(table), header: header)
        try Self.checkSlack(sections)

        let loader = SectionLoader(bytes: bytes, sections: sections)
        let (metadataEntry, storedMetadata) = try loader.required(.metadata, limit: limits.metadataBytes)
        metadata = try Metadata(encoded: try Self.decompress(metadataEntry, storedMetadata, limits), base: metadataEntry.offset)
        let codebooks = try loader.optional(.codebooks, limit: limits.codebookBytes)
        let seeds = try loader.optional(.seeds, limit: limits.codebookBytes)
        shared = try SharedTables(
            codebooks: codebooks?.bytes, codebooksBase: codebooks?.entry.offset ?? 0, seeds: seeds?.bytes, seedsBase: seeds?.entry.offset ?? 0)
        let (directoryEntry, directoryBytes) = try loader.required(.directory, limit: limits.directoryBytes)
        directory = try StoredDirectory(
            directoryBytes, base: directoryEntry.offset, sharedCounts: (shared.codebooks.count, shared.seeds.count))
        try Self.checkLengths(directory, sections)
        guard sections.contains(where: { $0.known == .checksums }) else {
            throw QAMError(.malformed, "the section is missing", at: .init(section: SectionName.checksums.rawValue))
        }
        options = Self.options(header, sections, directory)
        producer = try Self.producer(loader)
        shard = try loader.optional(.shards, limit: limits.directoryBytes).map { try ShardSection($0.bytes, base: $0.entry.offset) }
        for entry in metadata.unreadable {
            warnings.append("the metadata \"\(entry.key)\" have the type \(entry.type), or elements of a type, that this program does not know; they are kept")
        }
        for file in directory.files where file.compression == nil {
            warnings.append("the file \"\(file.name)\" is compressed in a way that this program does not know; it cannot be read")
        }
        for entry in sections where entry.known == nil { warnings.append("the section \(entry.name) is unknown and skipped") }
    }

    private static func producer(_ loader: SectionLoader) throws -> String? {
        guard let (entry, bytes) = try loader.optional(.producer, limit: ContainerPlan.maximumProducerLength, over: .malformed) else { return nil }
        var reader = ByteReader(bytes, section: entry.name, base: entry.offset)
        guard !bytes.isEmpty else { throw reader.malformed("the name of the program is empty") }
        return try reader.string(bytes.count)
    }

    /// Kernels may read a few bytes past a payload.
    private static func checkSlack(_ sections: [SectionEntry]) throws {
        for (index, entry) in sections.enumerated() where entry.flags.contains(.chunked) {
            guard index + 1 < sections.count, sections[index + 1].offset - entry.end >= ContainerOptions.slack else {
                throw QAMError(.malformed, "fewer than \(ContainerOptions.slack) bytes follow the section", at: .init(section: entry.name, offset: entry.end))
            }
        }
    }

    /// Every chunked section must end with its last extent, and exist if it has one.
    private static func checkLengths(_ directory: StoredDirectory, _ sections: [SectionEntry]) throws {
        for name in SectionName.allCases where name.isChunked {
            let needed = directory.placement.length(of: name)
            let present = sections.first { $0.known == name }
            guard present?.length ?? 0 == needed else {
                throw QAMError(
                    .malformed, "the section has \(present?.length ?? 0) bytes, but the directory needs \(needed)",
                    at: .init(section: name.rawValue, offset: present?.offset))
            }
        }
    }

    private static func decompress(_ entry: SectionEntry, _ stored: [UInt8], _ limits: Limits) throws -> [UInt8] {
        guard entry.flags.contains(.zstd) else { return stored }
        let place = QAMError.Place(section: entry.name, offset: entry.offset)
        guard entry.contentLength / ZstdFrames.maxExpansion <= stored.count else {
            throw QAMError(.malformed, "\(stored.count) bytes would become \(entry.contentLength)", at: place)
        }
        guard entry.contentLength <= limits.metadataBytes else {
            throw QAMError(.limitExceeded, "they would have \(entry.contentLength) bytes, more than \(limits.metadataBytes)", at: place)
        }
        do {
            let reader = try ZstdReader(contentLength: entry.contentLength, storedLength: stored.count) { Array(stored[$0]) }
            return try reader.content(0..<entry.contentLength)
        } catch var error as QAMError {
            error.place = place
            throw error
        }
    }

    private static func options(_ header: FileHeader, _ sections: [SectionEntry], _ directory: StoredDirectory) -> ContainerOptions {
        var options = ContainerOptions()
        options.alignment = header.alignment
        // The default is represented by 0: a model rewritten to another number of files gets the default for its own sections.
        let room = sections.roomEnd - FileHeader.byteCount
        let needed = InPlaceEdit.roomNeeded(
            sectionCount: sections.count { $0.known != .spare }, metadataLength: sections.first { $0.known == .metadata }?.length ?? 0)
        options.metadataCapacity = room == needed + InPlaceEdit.usualGrowth ? 0 : room
        options.compressesRaw = directory.forms.contains { $0.compression != .none }
        return options
    }
}

/// Reads whole sections and validates them against the section table.
package struct SectionLoader {
    package let bytes: any ByteSource
    package let sections: [SectionEntry]

    package init(bytes: any ByteSource, sections: [SectionEntry]) {
        self.bytes = bytes
        self.sections = sections
    }

    package func required(_ name: SectionName, limit: Int) throws -> (entry: SectionEntry, bytes: [UInt8]) {
        guard let section = try optional(name, limit: limit) else {
            throw QAMError(.malformed, "the section is missing", at: .init(section: name.rawValue))
        }
        return section
    }

    /// `over` is the code of the error for a section longer than `limit`.
    package func optional(_ name: SectionName, limit: Int, over: QAMError.Code = .limitExceeded) throws -> (entry: SectionEntry, bytes: [UInt8])? {
        guard let entry = sections.first(where: { $0.known == name }) else { return nil }
        guard entry.length <= limit else {
            throw QAMError(over, "the section has \(entry.length) bytes, more than \(limit)", at: .init(section: entry.name, offset: entry.offset))
        }
        let content = try bytes.read(entry.range)
        guard XXH3.hash(content) == entry.checksum else {
            throw QAMError(.checksumMismatch, "the section is damaged", at: .init(section: entry.name, offset: entry.offset, length: entry.length))
        }
        return (entry, content)
    }
}
