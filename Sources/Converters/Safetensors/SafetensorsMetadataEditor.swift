package import QAMFormat

/// Edits the metadata of a safetensors file, in place if possible.
package enum SafetensorsMetadataEditor {
    /// Applies `edit` to the metadata of the file at `path` and stores the result.
    ///
    /// If the new header, padded with spaces, is as long as the old one and all changes lie in one disk block, they are written in place.
    /// Otherwise a new file with the mode and owner of the old one replaces it once it is complete and on disk; links to it are kept.
    /// `monitor` receives the progress of this, in bytes done and in total; if it throws, the operation stops. Throws what reading a header
    /// throws, `io`, `cannotCreate` also if another process is editing the file, and what `edit` throws.
    @discardableResult
    package static func edit(
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
