/// The directory as bytes (spec section 6.2). Its length depends on names and shapes only, not on offsets.
extension Directory {
    enum Kind: UInt8 { case raw = 0, coded = 1, alias = 2 }
    /// Stands for no codebook and no seed.
    static let none: UInt16 = 0xFFFF

    package var encoded: [UInt8] {
        var writer = ByteWriter()
        writer.count(tensors.count)
        writer.count(files.count)
        for index in tensors.indices { encode(tensors[index], extents(of: index), places[index].compression, into: &writer) }
        for file in files {
            writer.integer(UInt32(file.name.utf8.count))
            writer.append(file.name.utf8)
            writer.integer(file.compression.rawValue)
            writer.zeros(3)
            writer.count(file.contentLength)
            writer.count(file.extent.offset)
            writer.count(file.extent.length)
        }
        return writer.bytes
    }

    private func encode(
        _ descriptor: TensorDescriptor, _ extents: ArraySlice<SectionExtent>, _ compression: Compression, into writer: inout ByteWriter
    ) {
        writer.integer(UInt32(descriptor.name.utf8.count))
        writer.append(descriptor.name.utf8)
        let kind: Kind =
            switch descriptor.storage {
            case .raw: .raw
            case .coded: .coded
            case .alias: .alias
            }
        writer.integer(kind.rawValue)
        writer.integer(UInt8(descriptor.shape.count))
        writer.zeros(2)
        for dimension in descriptor.shape { writer.count(dimension) }
        switch descriptor.storage {
        case .raw(let dtype):
            writer.integer(dtype.id)
            writer.integer(compression.rawValue)
            writer.zeros(2)
            for extent in extents {
                writer.count(extent.offset)
                writer.count(extent.length)
            }
        case .coded(let coding):
            writer.integer(coding.codec.rawValue)
            writer.integer(coding.sourceType.id)
            writer.integer(UInt8(coding.streams.count))
            writer.integer(coding.codebook.map { UInt16($0) } ?? Self.none)
            writer.integer(coding.seed.map { UInt16($0) } ?? Self.none)
            writer.integer(UInt8(coding.parameters.count))
            writer.append(coding.parameters)
            for (stream, extent) in zip(coding.streams, extents) {
                writer.integer(stream.role.rawValue)
                switch stream.extent {
                case .perRow(let bytes): writer.integer(UInt8(0)); writer.zeros(2); writer.count(bytes)
                case .whole(let bytes): writer.integer(UInt8(1)); writer.zeros(2); writer.count(bytes)
                }
                writer.count(extent.offset)
            }
        case .alias(let target):
            writer.count(target)
        }
    }
}

/// Where the next extent of each chunked section belongs: right after the one before, aligned, without holes.
package struct Placement: Sendable {
    /// By the section's place in `SectionName.allCases`: all in the value itself, for it changes with every extent.
    private var ends = InlineArray<10, Int>(repeating: 0)

    package init() {}

    /// The end of the last extent: the section's length.
    package func length(of section: SectionName) -> Int { ends[section.index] }

    /// Where the next extent of the section begins.
    package func nextOffset(in section: SectionName) -> Int { alignUp(length(of: section), to: SectionExtent.alignment) }

    /// Places an extent of `length` bytes.
    package mutating func next(_ section: SectionName, length: Int) -> SectionExtent {
        let extent = SectionExtent(section: section, offset: nextOffset(in: section), length: length)
        ends[section.index] = extent.end
        return extent
    }

    /// Places an extent if it lies where it must; otherwise nothing changes.
    mutating func take(_ section: SectionName, offset: Int, length: Int) -> Bool {
        guard length <= Int.max / 4, self.length(of: section) <= Int.max / 4, nextOffset(in: section) == offset else { return false }
        ends[section.index] = offset + length
        return true
    }

    /// Checks that an extent lies where it must.
    mutating func next(_ section: SectionName, offset: Int, length: Int, _ reader: ByteReader) throws -> SectionExtent {
        guard length <= Int.max / 4, self.length(of: section) <= Int.max / 4 else { throw reader.malformed("an extent of section \(section) overflows") }
        let extent = next(section, length: length)
        guard extent.offset == offset else {
            throw reader.malformed("an extent of section \(section) lies at \(offset), but belongs at \(extent.offset)")
        }
        return extent
    }
}
