/// The encoded directory (spec section 6.2). Its length depends only on names and shapes, not on offsets.
extension Directory {
    enum Kind: UInt8 { case raw = 0, coded = 1, alias = 2 }
    /// No codebook or seed.
    static let none: UInt16 = 0xFFFF

    package var encoded: [UInt8] {
        var writer = ByteWriter()
        writer.count(tensors.count)
        writer.count(files.count)
        for index in tensors.indices { encode(tensors[index], extents(of: index), places[index].compression, into: &writer) }
        for file in files {
            var record = ByteWriter()
            record.integer((file.compression ?? .none).rawValue)
            record.integer(file.role.rawValue)
            record.zeros(2)
            record.count(file.contentLength)
            record.count(file.extent.offset)
            record.count(file.extent.length)
            Self.append(file.name, record, to: &writer)
        }
        return writer.bytes
    }

    private static func append(_ name: String, _ record: ByteWriter, to writer: inout ByteWriter) {
        writer.integer(UInt32(name.utf8.count))
        writer.append(name.utf8)
        writer.integer(UInt32(record.bytes.count))
        writer.append(record.bytes)
    }

    private func encode(
        _ descriptor: TensorDescriptor, _ extents: ArraySlice<SectionExtent>, _ compression: Compression, into writer: inout ByteWriter
    ) {
        var record = ByteWriter()
        let kind: Kind
        var fields = ByteWriter()
        switch descriptor.storage {
        case .raw(let dtype):
            kind = .raw
            fields.integer(dtype.id)
            fields.integer(compression.rawValue)
            fields.zeros(2)
        case .coded(let coding):
            kind = .coded
            fields.integer(coding.codec.rawValue)
            fields.integer(coding.sourceType?.id ?? 0)
            fields.integer(UInt8(coding.parameters.count))
            fields.integer(coding.codebook.map { UInt16($0) } ?? Self.none)
            fields.integer(coding.seed.map { UInt16($0) } ?? Self.none)
            fields.append(coding.parameters)
            for stream in coding.streams {
                fields.integer(stream.role.rawValue)
                switch stream.extent {
                case .perRows(1, let bytes): fields.integer(UInt8(0)); fields.zeros(2); fields.count(bytes)
                case .perRows(let count, let bytes):
                    fields.integer(UInt8(2)); fields.integer(UInt8(count.trailingZeroBitCount)); fields.zeros(1); fields.count(bytes)
                case .whole(let bytes): fields.integer(UInt8(1)); fields.zeros(2); fields.count(bytes)
                }
            }
        case .alias(let target):
            kind = .alias
            fields.count(target)
        case .unreadable:
            // Rejected when planning.
            return
        }
        record.integer(kind.rawValue)
        record.integer(UInt8(descriptor.shape.count))
        record.integer(UInt8(extents.count))
        record.zeros(1)
        for dimension in descriptor.shape { record.count(dimension) }
        for extent in extents {
            record.integer(extent.section.extentNumber ?? 0)
            record.zeros(7)
            record.count(extent.offset)
            record.count(extent.length)
        }
        record.append(fields.bytes)
        Self.append(descriptor.name, record, to: &writer)
    }
}

/// Assigns offsets to extents: in each chunked section they are consecutive, aligned and without gaps.
package struct Placement: Sendable {
    /// Indexed by `SectionName.index`; stored inline, since it changes with every extent.
    private var ends = InlineArray<11, Int>(repeating: 0)

    package init() {}

    /// The end of the last extent: the section's length.
    package func length(of section: SectionName) -> Int { ends[section.index] }

    /// The offset of the section's next extent.
    package func nextOffset(in section: SectionName) -> Int { alignUp(length(of: section), to: SectionExtent.alignment) }

    package mutating func next(_ section: SectionName, length: Int) -> SectionExtent {
        let extent = SectionExtent(section: section, offset: nextOffset(in: section), length: length)
        ends[section.index] = extent.end
        return extent
    }

    /// Places an extent if its offset is correct; otherwise changes nothing.
    mutating func take(_ section: SectionName, offset: Int, length: Int) -> Bool {
        guard length <= Int.max / 4, self.length(of: section) <= Int.max / 4, nextOffset(in: section) == offset else { return false }
        ends[section.index] = offset + length
        return true
    }

    /// Places an extent; throws if its offset is wrong.
    mutating func next(_ section: SectionName, offset: Int, length: Int, _ reader: ByteReader) throws -> SectionExtent {
        guard length <= Int.max / 4, self.length(of: section) <= Int.max / 4 else { throw reader.malformed("an extent of section \(section) overflows") }
        let extent = next(section, length: length)
        guard extent.offset == offset else {
            throw reader.malformed("an extent of section \(section) lies at \(offset), but belongs at \(extent.offset)")
        }
        return extent
    }
}
