/// The sections that this version knows (spec section 5.1).
package enum SectionName: String, CaseIterable, Sendable {
    case metadata
    case directory
    case codebooks
    case seeds
    case scales
    case symbols
    case files
    case raw
    case checksums
    /// Bytes that an in-place edit has left unused (spec section 5.5).
    case spare
    /// The program that wrote the file.
    case producer
    /// In a file of a set: its number, and in the first file the location of each tensor (spec section 6.9).
    case shards
    /// Hashes of the content (spec section 6.10).
    case content

    /// The index in `allCases`.
    var index: Int {
        switch self {
        case .metadata: 0
        case .directory: 1
        case .codebooks: 2
        case .seeds: 3
        case .scales: 4
        case .symbols: 5
        case .files: 6
        case .raw: 7
        case .checksums: 8
        case .spare: 9
        case .producer: 10
        case .shards: 11
        case .content: 12
        }
    }

    /// Whether it consists of extents listed in the directory, with a checksum for every chunk.
    package var isChunked: Bool {
        switch self {
        case .scales, .symbols, .files, .raw: true
        case .metadata, .directory, .codebooks, .seeds, .checksums, .spare, .producer, .shards, .content: false
        }
    }

    /// The section's flags, except *zstd*.
    package var flags: SectionEntry.Flags {
        switch self {
        case .spare, .producer, .shards, .content: []
        default: isChunked ? [.critical, .chunked] : .critical
        }
    }
}

/// One entry of the section table (spec section 4).
package struct SectionEntry: Hashable, Sendable {
    package static let byteCount = 64
    /// Alignment of the table and of sections; chunked sections have the header's alignment.
    package static let alignment = 64

    package struct Flags: OptionSet, Hashable, Sendable {
        package let rawValue: UInt32
        package init(rawValue: UInt32) { self.rawValue = rawValue }

        /// A reader that does not know the section must reject the file.
        package static let critical = Flags(rawValue: 1)
        /// The checksum covers the section's chunk hashes instead of its bytes.
        package static let chunked = Flags(rawValue: 2)
        /// The bytes are zstd frames (spec section 5.3).
        package static let zstd = Flags(rawValue: 4)
        package static let known: Flags = [.critical, .chunked, .zstd]
        /// Bits that a reader must know; it may ignore the others.
        package static let required = Flags(rawValue: 0xFFFF)
    }

    package var name: String
    package var flags: Flags
    package var offset: Int
    /// Stored bytes.
    package var length: Int
    /// Bytes after decompression; equal to `length` for uncompressed sections.
    package var contentLength: Int
    package var checksum: UInt64

    package init(name: String, flags: Flags, offset: Int, length: Int, contentLength: Int, checksum: UInt64) {
        self.name = name
        self.flags = flags
        self.offset = offset
        self.length = length
        self.contentLength = contentLength
        self.checksum = checksum
    }

    package var end: Int { offset + length }
    package var range: Range<Int> { offset..<offset + length }
    package var known: SectionName? { SectionName(rawValue: name) }
}

package enum SectionTable {
    package static func encode(_ entries: [SectionEntry]) -> [UInt8] {
        var writer = ByteWriter()
        for entry in entries {
            let name = Array(entry.name.utf8.prefix(16))
            writer.append(name)
            writer.zeros(16 - name.count)
            writer.integer(entry.flags.rawValue)
            writer.zeros(4)
            writer.count(entry.offset)
            writer.count(entry.length)
            writer.count(entry.contentLength)
            writer.integer(entry.checksum)
            writer.zeros(8)
        }
        return writer.bytes
    }

    /// Parses the table and checks that the sections are in order, aligned and inside the file.
    package static func decode(_ bytes: [UInt8], header: FileHeader) throws -> [SectionEntry] {
        guard XXH3.hash(bytes) == header.tableHash else {
            throw QAMError(
                .checksumMismatch, "the section table is damaged",
                at: .init(section: "section table", offset: header.tableOffset, length: bytes.count))
        }
        var reader = ByteReader(bytes, section: "section table", base: header.tableOffset)
        let table = header.tableOffset..<header.tableOffset + bytes.count
        var entries: [SectionEntry] = []
        var end = FileHeader.byteCount
        for _ in 0..<header.sectionCount {
            let entry = try decodeEntry(&reader)
            let alignment = entry.flags.contains(.chunked) ? header.alignment : SectionEntry.alignment
            guard entry.offset >= end, entry.offset % alignment == 0 else {
                throw reader.malformed("section \(entry.name) begins at \(entry.offset), which is unaligned or inside what comes before")
            }
            let (sectionEnd, overflow) = entry.offset.addingReportingOverflow(entry.length)
            guard !overflow, sectionEnd <= header.fileLength else {
                throw reader.malformed("section \(entry.name) reaches beyond the end of the file")
            }
            guard !entry.range.overlaps(table) else { throw reader.malformed("section \(entry.name) overlaps the section table") }
            guard !entries.contains(where: { $0.name == entry.name }) else {
                throw reader.malformed("there are two sections \(entry.name)")
            }
            end = sectionEnd
            entries.append(entry)
        }
        guard end == header.fileLength else { throw reader.malformed("the last section does not end where the file ends") }
        return entries
    }

    private static func decodeEntry(_ reader: inout ByteReader) throws -> SectionEntry {
        let raw = try reader.take(16)
        let name = raw.prefix { $0 != 0 }
        guard !name.isEmpty, name.allSatisfy({ (0x21...0x7E).contains($0) }), raw.dropFirst(name.count).allSatisfy({ $0 == 0 }) else {
            throw reader.malformed("a section's name is not printable ASCII padded with zeros")
        }
        let flags = SectionEntry.Flags(rawValue: try reader.integer())
        try reader.skip(4)
        let entry = SectionEntry(
            name: String(decoding: name, as: UTF8.self), flags: flags, offset: try reader.count(), length: try reader.count(),
            contentLength: try reader.count(), checksum: try reader.integer())
        try reader.skip(8)
        guard flags.contains(.zstd) || entry.contentLength == entry.length else {
            throw reader.malformed("section \(entry.name) is not compressed, but its content length differs from its length")
        }
        guard let known = entry.known else {
            guard !flags.contains(.critical) else {
                throw QAMError(
                    .unsupported, "section \(entry.name) is critical and unknown to this program", at: .init(section: entry.name, offset: entry.offset))
            }
            return entry
        }
        guard flags.intersection(.required).isSubset(of: .known) else {
            throw QAMError(
                .unsupported, "the section has flags (0x\(String(flags.rawValue, radix: 16))) that this program does not know",
                at: .init(section: entry.name, offset: entry.offset))
        }
        guard flags.intersection(.known).subtracting(.zstd) == known.flags, !flags.contains(.zstd) || known == .metadata else {
            throw reader.malformed("section \(entry.name) has the flags \(flags.rawValue), which it must not have")
        }
        return entry
    }
}
