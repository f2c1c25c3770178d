public import QAMFormat

/// Changes the metadata of a safetensors file without touching its payload where that is possible.
public enum SafetensorsMetadataEditor {
    /// Applies `edit` to the metadata of the file at `path` and stores the result.
    ///
    /// Where the new header, padded with spaces, is as long as the old one and all bytes that change lie in one block of the disk, they
    /// are written over the old ones. Otherwise a new file with the mode and owner of the old one takes its name when it is complete
    /// and on disk; links to it stay. `monitor` is told of that, in bytes done and in all; what it throws ends the work. Throws
    /// what reading a header throws, `io`, `cannotCreate` also where another process is changing the file, and what `edit` throws.
    @discardableResult
    public static func edit(
        _ path: String, monitor: (Int, Int) throws -> Void = { _, _ in }, _ edit: (inout Metadata) throws -> Void
    ) throws -> MetadataEditor.Outcome {
        let edited = try EditedFile(path: path)
        let file = try FileBytes(path: edited.path)
        if let refusal = try FileKind.of(file).refusal { throw refusal.inFile(path) }
        let header = try SafetensorsHeader(reading: file)
        var metadata = header.metadata
        try edit(&metadata)
        let strings = try SafetensorsMetadata.strings(from: metadata)
        let encoded = try SafetensorsHeader.encode(header.entries, metadata: strings, length: header.dataStart - 8)
        if encoded.count == header.dataStart, try edited.replaceHead(with: encoded) { return .inPlace }
        try rewrite(file, header: try SafetensorsHeader.encode(header.entries, metadata: strings), dataStart: header.dataStart, monitor)
        return .rewritten
    }

    private static func rewrite(_ file: FileBytes, header: [UInt8], dataStart: Int, _ monitor: (Int, Int) throws -> Void) throws {
        let set = try OutputSet(inputs: [], replacing: true)
        do {
            let output = try set.add(file.name)
            try set.requireSpace(for: header.count + file.byteCount - dataStart)
            try output.write(header, at: 0)
            for start in stride(from: dataStart, to: file.byteCount, by: 4 << 20) {
                try monitor(start, file.byteCount)
                let bytes = try file.read(start..<min(start + 4 << 20, file.byteCount))
                try output.write(bytes, at: header.count + start - dataStart)
            }
            try set.commit([file.name])
        } catch {
            set.discard(keepingPartial: false)
            throw error
        }
    }
}
