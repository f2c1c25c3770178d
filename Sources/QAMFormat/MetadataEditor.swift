/// Edits the metadata of a .qamw file, in place if possible.
public enum MetadataEditor {
    /// What an edit did to the file.
    public enum Outcome: Hashable, Sendable {
        /// Only bytes before the tensors were written.
        case inPlace
        /// The file was rewritten and replaced as a whole.
        case rewritten
    }

    /// Applies `edit` to the metadata of the file at `path` and stores the result.
    ///
    /// If the new metadata fit beside the old ones, they are written there, followed by the header, which is within one disk block: after a power failure the
    /// file has either the old metadata or the new. Otherwise the file is verified, and a new file with the same mode and owner replaces it when it is complete
    /// and on disk; links to it are preserved. `monitor` gets the number of bytes verified or written and their total; an error that it throws cancels the
    /// work. Throws errors from opening, problems found by verifying, `io`, `cannotCreate` (also if another process is changing the file), `invalidArgument`
    /// for a file of a set other than the first, which has the metadata for all, and errors from `edit`.
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
        // Damaged payloads would get new checksums and look valid.
        if let problem = try await reader.verify(threads: threads, monitor: monitor).problems.first { throw problem }
        let source = MetadataReplacingSource(reader, metadata: metadata)
        let writer = try QAMWriter(rewriting: old, at: file.path)
        _ = try await transfer(from: source, to: writer, threads: threads) { try monitor($0.doneBytes, $0.totalBytes) }
        return .rewritten
    }
}
