/// Changes the metadata of a .qamw file without touching its payload where that is possible.
public enum MetadataEditor {
    public enum Outcome: Hashable, Sendable {
        /// Only bytes of the file's head were written.
        case inPlace
        /// The file was written again and replaced as a whole.
        case rewritten
    }

    /// Applies `edit` to the metadata of the file at `path` and stores the result.
    ///
    /// Where all bytes that change lie in one block of the disk, they are written over the old ones. Otherwise the file is verified,
    /// and a new one with its mode and owner takes its name when it is complete and on disk; links to it stay. `monitor` is
    /// told how many bytes of how many are verified or written; what it throws ends the work. Throws what opening throws, what verifying
    /// finds, `io`, `cannotCreate` also where another process is changing the file, and what `edit` throws.
    @discardableResult
    public static func edit(
        _ path: String, threads: Int = 1, monitor: (Int, Int) throws -> Void = { _, _ in }, _ edit: (inout Metadata) throws -> Void
    ) async throws -> Outcome {
        let file = try EditedFile(path: path)
        let reader = try QAMReader(path: file.path)
        var metadata = reader.metadata
        try edit(&metadata)
        if let head = try head(of: reader, with: metadata), try file.replaceHead(with: head) { return .inPlace }

        // What is written from damaged payloads would get checksums of its own and look sound.
        if let problem = try await reader.verify(threads: threads, monitor: monitor).problems.first { throw problem }
        let source = MetadataReplacingSource(reader, metadata: metadata)
        let writer = QAMWriter(path: file.path, options: reader.options, replacing: true)
        _ = try await transfer(from: source, to: writer, threads: threads) { try monitor($0.doneBytes, $0.totalBytes) }
        return .rewritten
    }

    /// A head is read as a whole; nothing is stored in front of the metadata that would make it longer.
    private static let largestHead = 2 << 20

    /// The file's bytes up to the section after the metadata, with other metadata in the room that they have. Nil where they do not
    /// fit.
    private static func head(of reader: QAMReader, with metadata: Metadata) throws -> [UInt8]? {
        guard let index = reader.sections.firstIndex(where: { $0.known == .metadata }), index + 1 < reader.sections.count else { return nil }
        var entries = reader.sections
        let stored = try ContainerPlan.store(metadata)
        guard entries[index].offset <= Self.largestHead,
            entries[index].offset + stored.bytes.count + ContainerOptions.slack <= entries[index + 1].offset
        else { return nil }

        let oldLength = entries[index].length
        entries[index].length = stored.bytes.count
        entries[index].contentLength = stored.contentLength
        entries[index].flags = stored.bytes.count == stored.contentLength ? .critical : [.critical, .zstd]
        entries[index].checksum = XXH3.hash(stored.bytes)
        let table = SectionTable.encode(entries)
        var header = reader.header
        header.tableHash = XXH3.hash(table)
        var head = try reader.bytes.read(0..<entries[index].offset)
        head.replaceSubrange(0..<FileHeader.byteCount + table.count, with: header.encoded + table)
        return head + stored.bytes + [UInt8](repeating: 0, count: max(0, oldLength - stored.bytes.count))
    }
}
