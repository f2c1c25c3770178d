/// Changes the metadata of a .qamw file without touching its payload where that is possible.
public enum MetadataEditor {
    public enum Outcome: Hashable, Sendable {
        /// Only bytes in front of the tensors were written.
        case inPlace
        /// The file was written again and replaced as a whole.
        case rewritten
    }

    /// Applies `edit` to the metadata of the file at `path` and stores the result.
    ///
    /// Where the new metadata fit beside the old ones, they are written there, and then the header, within one block of the disk: whenever
    /// the power fails, the file has the old metadata or the new. Otherwise the file is verified,
    /// and a new one with its mode and owner takes its name when it is complete and on disk; links to it stay. `monitor` is
    /// told how many bytes of how many are verified or written; what it throws ends the work. Throws what opening throws, what verifying
    /// finds, `io`, `cannotCreate` also where another process is changing the file, `invalidArgument` for another file of a set than the
    /// first, which has the metadata of all, and what `edit` throws.
    @discardableResult
    public static func edit(
        _ path: String, threads: Int = 1, monitor: (Int, Int) throws -> Void = { _, _ in }, _ edit: (inout Metadata) throws -> Void
    ) async throws -> Outcome {
        let file = try EditedFile(path: path)
        let old = try ContainerFile(AccessMode.buffered.open(file.path))
        if let shard = old.shard, shard.number > 1 {
            let name = ShardName(Path.name(of: path), fileExtension: ContainerFile.fileExtension)?.file(1).description ?? "the first one"
            throw QAMError(.invalidArgument, "this is file \(shard.number) of a set, whose metadata are in \(name)", at: .init(file: path))
        }
        var metadata = old.metadata
        try edit(&metadata)
        if metadata == old.metadata { return .inPlace }
        if let edit = try InPlaceEdit(of: old.bytes, header: old.header, sections: old.sections, metadata: ContainerPlan.store(metadata)) {
            try file.writeUnused(edit.slot, at: edit.slotOffset, clearing: edit.cleared)
            if try file.replaceHead(with: edit.header.encoded) { return .inPlace }
        }

        let reader = QAMReader(alone: old)
        // What is written from damaged payloads would get checksums of its own and look sound.
        if let problem = try await reader.verify(threads: threads, monitor: monitor).problems.first { throw problem }
        let source = MetadataReplacingSource(reader, metadata: metadata)
        let writer = QAMWriter(rewriting: old, at: file.path)
        _ = try await transfer(from: source, to: writer, threads: threads) { try monitor($0.doneBytes, $0.totalBytes) }
        return .rewritten
    }
}
