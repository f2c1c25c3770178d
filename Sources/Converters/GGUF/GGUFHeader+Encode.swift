package import QAMFormat

extension GGUFHeader {
    /// Encodes a little-endian file's header with its padding: metadata and entries in the given order.
    ///
    /// Offsets are taken from the entries. Throws `unsupported` for what GGUF cannot represent.
    package static func encode(_ entries: [Entry], metadata: Metadata, version: Int = 3) throws -> [UInt8] {
        let alignment = try alignment(of: metadata)
        try check(metadata)
        var writer = ByteWriter()
        writer.append(magic)
        writer.integer(UInt32(version))
        writer.count(entries.count)
        writer.count(metadata.entries.count)
        for entry in metadata.entries {
            writer.count(entry.key.utf8.count)
            writer.append(entry.key.utf8)
            // .qamw has GGUF's value types and their encoding (spec section 6.1).
            writer.integer(entry.value.typeNumber)
            writer.append(entry.value.encoded)
        }
        for entry in entries {
            guard let type = GGMLType.number(of: entry.dtype) else {
                throw QAMError(.unsupported, "GGUF has no type \(entry.dtype.name)", at: .init(tensor: entry.name))
            }
            writer.count(entry.name.utf8.count)
            writer.append(entry.name.utf8)
            writer.integer(UInt32(entry.shape.count))
            for dimension in entry.shape.reversed() { writer.count(dimension) }
            writer.integer(type)
            writer.count(entry.offset)
        }
        // Without data no alignment is needed.
        if !entries.isEmpty { writer.zeros(alignUp(writer.bytes.count, to: alignment) - writer.bytes.count) }
        guard writer.bytes.count <= GGUFCursor.maximumLength else {
            throw QAMError(.unsupported, "the header would have \(writer.bytes.count) bytes, more than the \(GGUFCursor.maximumLength) that are read")
        }
        return writer.bytes
    }

    private static func check(_ metadata: Metadata) throws {
        for entry in metadata.entries {
            guard (1...maximumKeyLength).contains(entry.key.utf8.count), !entry.key.utf8.contains(0) else {
                throw QAMError(.unsupported, "GGUF cannot hold the metadata key \"\(entry.key)\": it is empty, too long or holds a NUL")
            }
        }
    }
}
