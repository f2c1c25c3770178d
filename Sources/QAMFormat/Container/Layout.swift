/// What shapes a .qamw file beside its content. Files written with equal options from equal sources have equal bytes.
public struct ContainerOptions: Hashable, Sendable {
    /// Sections begin at multiples of it: a power of two from 64 to 2^20.
    public var alignment = 4096
    /// Bytes from the metadata's begin to the next section, room for editing in place included. Where they are too few
    /// for the metadata, as the default is, the writer leaves the usual room.
    public var metadataCapacity = 0
    /// Store raw tensors as zstd frames. Such tensors cannot be mapped.
    public var compressesRaw = false

    public init() {}

    /// Zero bytes that follow every section but the last at least, so that a kernel may read past a payload's end.
    package static let slack = 64
    /// Room for editing that the writer leaves after the metadata.
    package static let metadataRoom = 4096
}

/// The section table of a file that is being written: sections one after the other, aligned, with slack between them.
package struct SectionPlan {
    package private(set) var entries: [SectionEntry] = []
    private var next: Int
    private let alignment: Int

    package init(sectionCount: Int, alignment: Int) {
        self.alignment = alignment
        next = alignUp(FileHeader.byteCount + sectionCount * SectionEntry.byteCount, to: alignment)
    }

    /// Where the next section begins.
    package var nextOffset: Int { next }

    /// Where the last section ends.
    package var end: Int { entries.last?.end ?? FileHeader.byteCount }

    /// Makes the next section follow the last one's length, which has become known only now.
    package mutating func fitLast() {
        guard let last = entries.last, last.known == .raw else { return }
        next = alignUp(last.end + ContainerOptions.slack, to: alignment)
    }

    /// Places a section; `capacity` is the least distance to the next one.
    package mutating func append(
        _ name: SectionName, length: Int, contentLength: Int? = nil, flags: SectionEntry.Flags = [], checksum: UInt64 = 0, capacity: Int = 0
    ) {
        entries.append(
            SectionEntry(
                name: name.rawValue, flags: flags.union(name.isChunked ? [.critical, .chunked] : .critical), offset: next,
                length: length, contentLength: contentLength ?? length, checksum: checksum))
        next = alignUp(next + max(length + ContainerOptions.slack, capacity), to: alignment)
    }

    package subscript(name: SectionName) -> SectionEntry? {
        get { entries.first { $0.name == name.rawValue } }
        set {
            guard let newValue, let index = entries.firstIndex(where: { $0.name == name.rawValue }) else { return }
            entries[index] = newValue
        }
    }
}
