public import QAMFormat

/// Changes the metadata of a safetensors file without touching its payload where that is possible.
public enum SafetensorsMetadataEditor {
    public enum Outcome: Hashable, Sendable {
        /// The new header took the old one's place: only the header's bytes were written.
        case inPlace
        /// The new header is longer; the file was written again and replaced as a whole.
        case rewritten
    }

    /// Applies `edit` to the metadata of the file at `path` and stores the result.
    ///
    /// Where the new header is no longer than the old one it is padded with spaces and written over it with one call, then
    /// synced; a power failure in that moment can damage the header. Otherwise a new file takes the old one's
    /// name when it is complete and on disk; links to it stay. Throws what reading a header throws, `io`, `cannotCreate`, and what `edit` throws.
    @discardableResult
    public static func edit(_ path: String, _ edit: (inout Metadata) throws -> Void) throws -> Outcome {
        let file = try FileBytes(path: path)
        if let refusal = try FileKind.of(file).refusal { throw refusal.inFile(path) }
        let header = try SafetensorsHeader(reading: file)
        var metadata = header.metadata
        try edit(&metadata)
        let encoded = try SafetensorsHeader.encode(
            header.entries, metadata: try SafetensorsMetadata.strings(from: metadata), length: header.dataStart - 8)
        if encoded.count == header.dataStart {
            try overwrite(path, with: encoded)
            return .inPlace
        }
        try rewrite(file, header: encoded, dataStart: header.dataStart)
        return .rewritten
    }

    private static func overwrite(_ path: String, with header: [UInt8]) throws {
        let descriptor = try SystemCalls.openWriting(path)
        defer { SystemCalls.closeDescriptor(descriptor) }
        try SystemCalls.lock(descriptor, path: path)
        try unsafe header.withUnsafeBytes { try unsafe SystemCalls.write(descriptor, at: 0, $0, path: path) }
        try SystemCalls.sync(descriptor, path: path)
    }

    private static func rewrite(_ file: FileBytes, header: [UInt8], dataStart: Int) throws {
        let output = try OutputFile(path: Path.resolvingLinks(file.name), replacing: true, resuming: false)
        do {
            try output.requireSpace(for: header.count + file.byteCount - dataStart)
            try output.write(header, at: 0)
            for start in stride(from: dataStart, to: file.byteCount, by: 4 << 20) {
                let bytes = try file.read(start..<min(start + 4 << 20, file.byteCount))
                try output.write(bytes, at: header.count + start - dataStart)
            }
            try output.commit()
        } catch {
            output.discard(keepingPartial: false)
            throw error
        }
    }
}
