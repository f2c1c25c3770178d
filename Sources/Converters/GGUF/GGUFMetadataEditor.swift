public import QAMFormat

/// Changes the metadata of a GGUF file without touching its payload where that is possible.
public enum GGUFMetadataEditor {
    /// Applies `edit` to the metadata of the file at `path` and stores the result. In the first file of a split set these
    /// are the set's; what a file says of its place in the set cannot be changed.
    ///
    /// Where all bytes that change lie in one block of the disk, they are written over the old ones. Otherwise a new file with the
    /// mode and owner of the old one takes its name when it is complete and on disk; links to it stay. `monitor` is told of that; what
    /// it throws ends the work. Throws what reading a header throws, `io`, `cannotCreate` also where another process is changing the
    /// file, `unsupported` for what GGUF cannot hold, and what `edit` throws.
    @discardableResult
    public static func edit(
        _ path: String, threads: Int = 1, monitor: (TransferProgress) throws -> Void = { _ in }, _ edit: (inout Metadata) throws -> Void
    ) async throws -> MetadataEditor.Outcome {
        let file = try EditedFile(path: path)
        let source = try GGUFSource(path: file.path)
        let header = source.header
        var metadata = source.metadata
        try edit(&metadata)
        guard GGUFSplit.keys.allSatisfy({ metadata[$0] == source.metadata[$0] }) else {
            throw QAMError(.invalidArgument, "\(GGUFSplit.keys.joined(separator: ", ")) say what place a file has in its set", at: .init(file: path))
        }
        if !header.isBigEndian, try alignment(of: metadata) == header.alignment {
            let encoded = try GGUFHeader.encode(header.entries, metadata: metadata, version: header.version)
            if encoded.count == header.dataStart, try file.replaceHead(with: encoded) { return .inPlace }
        }
        // The set's keys were dropped for a whole model, but this file stays what it is.
        let sink = GGUFSink(output: .file(file.path), keepingSplit: true, replacing: true)
        _ = try await transfer(from: MetadataReplacingSource(source, metadata: metadata), to: sink, threads: threads, monitor: monitor)
        return .rewritten
    }

    private static func alignment(of metadata: Metadata) throws -> Int {
        do {
            return try GGUFHeader.alignment(of: metadata)
        } catch let error as QAMError {
            throw QAMError(.invalidArgument, error.message)
        }
    }
}
