/// The first 64 bytes of a .qamw file (spec section 3).
package struct FileHeader: Hashable, Sendable {
    package static let byteCount = 64
    /// Like PNG's: a non-ASCII byte, a name, and line ends that a text-mode transfer would change.
    package static let signature: [UInt8] = [0x89, 0x51, 0x41, 0x4D, 0x0D, 0x0A, 0x1A, 0x0A]
    package static let major: UInt16 = 0
    package static let minor: UInt16 = 3
    static let alignments = 64...(1 << 20)
    static let maxSections = 64

    package var major = Self.major
    package var minor = Self.minor
    /// The alignment of chunked sections: a power of two.
    package var alignment: Int
    package var fileLength: Int
    package var sectionCount: Int
    /// XXH3 of the section table.
    package var tableHash: UInt64
    /// The offset of the section table: after the header in a new file, elsewhere after an in-place edit of metadata.
    package var tableOffset = Self.byteCount
    /// Features that a reader may ignore; none in this version.
    package var optionalFeatures: UInt32 = 0

    package var encoded: [UInt8] {
        var writer = ByteWriter()
        writer.append(Self.signature)
        writer.integer(major)
        writer.integer(minor)
        writer.integer(UInt32(alignment))
        writer.count(fileLength)
        writer.integer(UInt32(sectionCount))
        writer.zeros(4)
        writer.integer(tableHash)
        writer.count(tableOffset)
        // No required features.
        writer.zeros(4)
        writer.integer(optionalFeatures)
        writer.integer(XXH3.hash(writer.bytes))
        return writer.bytes
    }
}

extension FileHeader {
    /// The range of the section table; nil if it exceeds the file.
    package var table: Range<Int>? {
        let length = sectionCount * SectionEntry.byteCount
        return tableOffset <= fileLength - length ? tableOffset..<tableOffset + length : nil
    }

    /// Whether bytes look like the beginning of a .qamw file, possibly a damaged one.
    package static func isLikely(_ bytes: some Sequence<UInt8>) -> Bool {
        zip(bytes, signature).count { $0 == $1 } >= 6
    }

    /// Parses and validates the header of a file of `actualLength` bytes.
    package init(_ bytes: [UInt8], actualLength: Int) throws {
        var reader = ByteReader(bytes, section: "header")
        guard bytes.count == Self.byteCount else {
            throw QAMError(.truncated, "the file has \(actualLength) bytes, less than a header", at: .init(section: "header", offset: 0))
        }
        let signature = try reader.take(8)
        guard signature.elementsEqual(Self.signature) else {
            throw QAMError(.malformed, Self.signatureDamage(signature), at: .init(section: "header", offset: 0, length: 8))
        }
        major = try reader.integer()
        minor = try reader.integer()
        // Until 1.0 every minor version may change the format.
        guard major == Self.major, minor == Self.minor else {
            throw QAMError(
                .unsupported, "the file has format version \(major).\(minor); this program reads \(Self.major).\(Self.minor)",
                at: .init(section: "header", offset: 8, length: 4))
        }
        guard try Self.storedHash(bytes) == XXH3.hash(bytes[..<56]) else {
            throw QAMError(.checksumMismatch, "the header is damaged", at: .init(section: "header", offset: 0, length: Self.byteCount))
        }
        alignment = Int(try reader.integer(UInt32.self))
        guard Self.alignments.contains(alignment), alignment.nonzeroBitCount == 1 else {
            throw reader.malformed("the alignment \(alignment) is not a power of two from 64 to 2^20")
        }
        fileLength = try reader.count()
        sectionCount = Int(try reader.integer(UInt32.self))
        guard sectionCount <= Self.maxSections else { throw reader.malformed("\(sectionCount) sections are more than \(Self.maxSections)") }
        try reader.skip(4)
        tableHash = try reader.integer()
        tableOffset = try reader.count()
        guard tableOffset >= Self.byteCount, tableOffset % SectionEntry.alignment == 0 else {
            throw reader.malformed("the section table is said to begin at \(tableOffset)")
        }
        let required: UInt32 = try reader.integer()
        guard required == 0 else {
            throw QAMError(
                .unsupported, "reading the file needs features (0x\(String(required, radix: 16))) that this program does not know",
                at: .init(section: "header", offset: 48, length: 4))
        }
        optionalFeatures = try reader.integer()
        guard fileLength == actualLength else {
            let code: QAMError.Code = actualLength < fileLength ? .truncated : .malformed
            throw QAMError(code, "the file has \(actualLength) bytes, but its header says \(fileLength)", at: .init(section: "header", offset: 16, length: 8))
        }
    }

    private static func storedHash(_ bytes: [UInt8]) throws -> UInt64 {
        var reader = ByteReader(Array(bytes[56...]), section: "header", base: 56)
        return try reader.integer()
    }

    private static func signatureDamage(_ bytes: ArraySlice<UInt8>) -> String {
        if bytes.dropFirst().prefix(3).elementsEqual(Array("QAM".utf8)) {
            return "the signature is damaged as by a text-mode transfer; transfer the file again as binary"
        }
        return "not a .qamw file"
    }
}
