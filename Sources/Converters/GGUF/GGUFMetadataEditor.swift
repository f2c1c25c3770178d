package import QAMFormat

/// Edits the metadata of a GGUF file, in place if possible.
package enum GGUFMetadataEditor {
    /// Applies `edit` to the metadata of the file at `path` and stores the result. In the first file of a split set these are the set's
    /// metadata; the keys that define a file's place in the set cannot be changed.
    ///
    /// If all changes lie in one disk block, they are written in place. Otherwise a new file with the mode and owner of the old one
    /// replaces it once it is complete and on disk; links to it are kept. `monitor` receives the progress of this; if it throws, the
    /// operation stops. Throws what reading a header throws, `io`, `cannotCreate` also if another process is editing the file,
    /// `unsupported` for what GGUF cannot store, and what `edit` throws.
    @discardableResult
    package static func edit(
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
        // Keep the set's keys, which are dropped for a whole model: the file remains part of its set.
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
