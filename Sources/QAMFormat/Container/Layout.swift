/// What shapes a .qamw file beside its content. Files written with equal options from equal sources have equal bytes.
public struct ContainerOptions: Hashable, Sendable {
    /// Chunked sections, which hold the payload, begin at multiples of it: a power of two from 64 to 2^20.
    public var alignment = 4096
    /// Bytes from the header to the first section that is neither metadata nor spare: the room in which metadata are edited in place.
    /// Where they are too few for two copies, as the default is, the writer leaves the usual room.
    public var metadataCapacity = 0
    /// Store raw tensors as zstd frames. Such tensors cannot be mapped.
    public var compressesRaw = false

    public init() {}

    /// Zero bytes that follow every chunked section at least, so that a kernel may read past a payload's end.
    package static let slack = 64
}

/// The section table of a file that is being written: sections one after the other, aligned, with slack behind the chunked ones.
package struct SectionPlan {
    package private(set) var entries: [SectionEntry] = []
    /// Where the next section may begin, if its alignment allows.
    private var next: Int
    private let alignment: Int

    package init(sectionCount: Int, alignment: Int) {
        self.alignment = alignment
        next = FileHeader.byteCount + sectionCount * SectionEntry.byteCount
    }

    /// Where the next section begins, if it is not chunked.
    package var nextOffset: Int { alignUp(next, to: SectionEntry.alignment) }

    /// Where the last section ends.
    package var end: Int { entries.last?.end ?? FileHeader.byteCount }

    /// Makes the next section follow the last one's length, which has become known only now.
    package mutating func fitLast() {
        guard let last = entries.last, last.known == .raw else { return }
        next = last.end + ContainerOptions.slack
    }

    /// Places a section; the next one begins at `roomEnd` or behind it.
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
