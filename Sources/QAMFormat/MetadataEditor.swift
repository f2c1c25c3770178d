/// Replaces the metadata of a .qamw file.
public enum MetadataEditor {
    /// Writes new metadata into the room that the file has for them, without touching anything else.
    ///
    /// Returns false, and changes nothing, where they do not fit; then the file has to be rewritten. The bytes that
    /// change lie together at the file's begin and are written at once, then synced. Should the machine fail in that
    /// moment, `verify` finds it; payloads are never at risk.
    public static func replaceInPlace(path: String, with metadata: Metadata) throws -> Bool {
        let reader = try QAMReader(path: path)
        guard let index = reader.sections.firstIndex(where: { $0.known == .metadata }), index + 1 < reader.sections.count else { return false }
        var entries = reader.sections
        let room = entries[index + 1].offset - entries[index].offset
        let stored = try ContainerPlan.store(metadata)
        guard stored.bytes.count + ContainerOptions.slack <= room else { return false }

        entries[index].length = stored.bytes.count
        entries[index].contentLength = stored.contentLength
        entries[index].flags = stored.bytes.count == stored.contentLength ? .critical : [.critical, .zstd]
        entries[index].checksum = XXH3.hash(stored.bytes)
        let table = SectionTable.encode(entries)
        var header = reader.header
        header.tableHash = XXH3.hash(table)

        // Everything from the header to the end of the room, in one write.
        var begin = try reader.bytes.read(0..<entries[index].offset)
        begin.replaceSubrange(0..<FileHeader.byteCount + table.count, with: header.encoded + table)
        let padding = [UInt8](repeating: 0, count: room - stored.bytes.count)
        let descriptor = try SystemCalls.openWriting(path)
        defer { SystemCalls.closeDescriptor(descriptor) }
        try SystemCalls.lock(descriptor, path: path)
        let bytes = begin + stored.bytes + padding
        try unsafe bytes.withUnsafeBytes { try unsafe SystemCalls.write(descriptor, at: 0, $0, path: path) }
        try SystemCalls.sync(descriptor, path: path)
        return true
    }
}
