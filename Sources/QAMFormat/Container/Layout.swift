/// Options of the layout of a .qamw file. Equal sources and options give equal bytes.
public struct ContainerOptions: Hashable, Sendable {
    /// Alignment of chunked sections, which hold the payload: a power of two from 64 to 2^20.
    public var alignment = 4096
    /// Bytes from the header to the first section that is neither metadata nor spare, as space for in-place edits of metadata. If they are too few for two
    /// copies, as is the default 0, the writer uses its default.
    public var metadataCapacity = 0
    /// Whether raw tensors are stored as zstd frames. Such tensors cannot be mapped.
    public var compressesRaw = false

    /// The defaults.
    public init() {}

    /// The minimum number of zero bytes after every chunked section, so that kernels may read past a payload's end.
    package static let slack = 64
}

/// The section table of a file being written: consecutive aligned sections, with slack after chunked ones.
package struct SectionPlan {
    package private(set) var entries: [SectionEntry] = []
    /// The lowest offset of the next section, before alignment.
    private var next: Int
    private let alignment: Int

    package init(sectionCount: Int, alignment: Int) {
        self.alignment = alignment
        next = FileHeader.byteCount + sectionCount * SectionEntry.byteCount
    }

    /// The offset of the next section, if it is not chunked.
    package var nextOffset: Int { alignUp(next, to: SectionEntry.alignment) }

    /// The end of the last section.
    package var end: Int { entries.last?.end ?? FileHeader.byteCount }

    /// Adjusts the next offset to the last section's length, which is known only after writing it.
    package mutating func fitLast() {
        guard let last = entries.last, last.known == .raw else { return }
        next = last.end + ContainerOptions.slack
    }

    /// Places a section; the next one begins at `roomEnd` or later.
    package mutating func append(
        _ name: SectionName, length: Int, contentLength: Int? = nil, flags: SectionEntry.Flags = [], checksum: UInt64 = 0, roomEnd: Int = 0
    ) {
        let offset = alignUp(next, to: name.isChunked ? alignment : SectionEntry.alignment)
        entries.append(
            SectionEntry(
                name: name.rawValue, flags: flags.union(name.flags), offset: offset, length: length, contentLength: contentLength ?? length,
                checksum: checksum))
        next = max(offset + length + (name.isChunked ? ContainerOptions.slack : 0), roomEnd)
    }

    package subscript(name: SectionName) -> SectionEntry? {
        get { entries.first { $0.name == name.rawValue } }
        set {
            guard let newValue, let index = entries.firstIndex(where: { $0.name == name.rawValue }) else { return }
            entries[index] = newValue
        }
    }
}
