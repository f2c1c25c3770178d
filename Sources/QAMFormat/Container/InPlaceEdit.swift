/// Replaces the metadata of a file in place: new metadata are written beside the old ones and become valid with the header (spec section 5.5).
package struct InPlaceEdit {
    /// The new section table followed by the new metadata, and their offset, in unreferenced bytes.
    package let slot: [UInt8]
    package let slotOffset: Int
    /// Ranges that must be zeroed before the header is written.
    package let cleared: [Range<Int>]
    /// The new header: writing it, within one disk block, makes the new metadata valid.
    package let header: FileHeader

    /// Extra space in a new file beyond two copies: each may grow by half of it.
    static let usualGrowth = 8192
    /// Larger unused ranges are not hashed: the file is rewritten instead.
    private static let largestSpare = 1 << 30

    /// The bytes after the header required for two copies of section table and metadata, the second with an entry for `spare`.
    static func roomNeeded(sectionCount: Int, metadataLength: Int) -> Int {
        (2 * sectionCount + 1) * SectionEntry.byteCount + 2 * alignUp(metadataLength, to: SectionEntry.alignment)
    }

    /// Nil if the new metadata do not fit beside the old ones. `metadata` is the result of `ContainerPlan.store`.
    package init?(of bytes: any ByteSource, header: FileHeader, sections: [SectionEntry], metadata: (bytes: [UInt8], contentLength: Int)) throws {
        let roomEnd = sections.roomEnd
        let spare = sections.first { $0.known == .spare }
        guard let table = header.table, let old = sections.first(where: { $0.known == .metadata }),
            table.upperBound <= roomEnd, old.end <= roomEnd, spare?.end ?? 0 <= roomEnd
        else { return nil }
        var entries = sections.filter { $0.known != .metadata && $0.known != .spare }
        guard entries.count + 2 <= FileHeader.maxSections else { return nil }
        let tableLength = (entries.count + 2) * SectionEntry.byteCount

        let used = min(table.lowerBound, old.offset)..<max(table.upperBound, old.end)
        guard let (place, unused) = Self.place(alignUp(tableLength + metadata.bytes.count, to: SectionEntry.alignment), beside: used, spare?.end ?? 0, roomEnd),
            unused.count <= Self.largestSpare
        else { return nil }
        entries.append(
            SectionEntry(
                name: old.name, flags: metadata.bytes.count == metadata.contentLength ? .critical : [.critical, .zstd],
                offset: place + tableLength, length: metadata.bytes.count, contentLength: metadata.contentLength, checksum: XXH3.hash(metadata.bytes)))
        entries.append(
            SectionEntry(
                name: SectionName.spare.rawValue, flags: [], offset: unused.lowerBound, length: unused.count, contentLength: unused.count,
                checksum: try Self.hash(unused, of: bytes)))
        entries.sort { $0.offset < $1.offset }
        let newTable = SectionTable.encode(entries)
        var header = header
        header.tableOffset = place
        header.sectionCount = entries.count
        header.tableHash = XXH3.hash(newTable)
        self.header = header
        slot = newTable + metadata.bytes
        slotOffset = place

        var cleared: [Range<Int>] = []
        var end = FileHeader.byteCount
        for kept in [unused, place..<place + slot.count].sorted(by: { $0.lowerBound < $1.lowerBound }) {
            cleared.append(end..<kept.lowerBound)
            end = kept.upperBound
        }
        self.cleared = (cleared + [end..<roomEnd]).filter { !$0.isEmpty }
    }

    /// The offset for a slot of this length, and the range that is then unused and not zero.
    private static func place(_ length: Int, beside used: Range<Int>, _ spareEnd: Int, _ roomEnd: Int) -> (offset: Int, unused: Range<Int>)? {
        let start = FileHeader.byteCount
        if length <= used.lowerBound - start { return (start, start + length..<max(used.upperBound, spareEnd)) }
        let behind = alignUp(used.upperBound, to: SectionEntry.alignment)
        let left = roomEnd - behind - length
        guard left >= 0 else { return nil }
        // Leave a gap: the next slot, which goes to the beginning of the space, may be longer.
        return (behind + min(left, usualGrowth / 2), start..<used.upperBound)
    }

    private static func hash(_ range: Range<Int>, of bytes: any ByteSource) throws -> UInt64 {
        var stream = try XXH3Stream()
        for start in stride(from: range.lowerBound, to: range.upperBound, by: SectionExtent.chunkSize) {
            stream.update(try bytes.read(start..<min(start + SectionExtent.chunkSize, range.upperBound)))
        }
        return stream.digest()
    }
}

extension [SectionEntry] {
    /// The end of the space for in-place edits: the first section that is neither metadata nor spare.
    package var roomEnd: Int { first { $0.known != .metadata && $0.known != .spare }?.offset ?? FileHeader.byteCount }
}
