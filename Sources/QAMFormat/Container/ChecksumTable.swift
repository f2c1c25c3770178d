/// The hashes of all chunks (spec section 6.7), validated against the section table.
package struct ChecksumTable: Sendable {
    private let hashes: [UInt64]
    /// The index of the first hash of each extent, by extent number.
    private let firsts: [Int]
    /// The index of the first hash of each unknown chunked section, by name: each is one extent.
    private let unknownFirsts: [String: Int]
    /// The length of the section in bytes.
    let byteCount: Int

    /// The number of all chunks.
    package var count: Int { hashes.count }

    /// Reads and validates the section, including the checksums of all chunked sections. O(chunks).
    package init(_ loader: SectionLoader, directory: StoredDirectory, limit: Int) throws {
        let (entry, content) = try loader.required(.checksums, limit: limit)
        var reader = ByteReader(content, section: entry.name, base: entry.offset)
        var firsts = [Int](repeating: 0, count: directory.extentCount + directory.files.count)
        var hashes: [UInt64] = []
        hashes.reserveCapacity(content.count / 8)
        var unknownFirsts: [String: Int] = [:]
        for section in loader.sections where section.flags.contains(.chunked) {
            let start = reader.position
            if let name = section.known {
                for owned in directory.extents(in: name) {
                    firsts[owned.number] = hashes.count
                    for _ in 0..<owned.extent.chunkCount { hashes.append(try reader.integer()) }
                }
            } else {
                unknownFirsts[section.name] = hashes.count
                for _ in 0..<SectionExtent.chunkCount(length: section.length) { hashes.append(try reader.integer()) }
            }
            guard XXH3.hash(content[start..<reader.position]) == section.checksum else {
                throw QAMError(
                    .checksumMismatch, "the section's checksum does not match its chunks' hashes", at: .init(section: section.name, offset: section.offset))
            }
        }
        guard reader.remaining == 0 else { throw reader.malformed("\(reader.remaining) bytes follow the last hash") }
        self.hashes = hashes
        self.firsts = firsts
        self.unknownFirsts = unknownFirsts
        byteCount = content.count
    }

    /// The number of a chunk among all chunks.
    func index(extent: Int, chunk: Int) -> Int { firsts[extent] + chunk }

    /// The expected hash of a chunk of an unknown chunked section.
    func hash(section: String, chunk: Int) -> UInt64? { unknownFirsts[section].map { hashes[$0 + chunk] } }

    /// The expected hash of a chunk.
    func hash(extent: Int, chunk: Int) -> UInt64 { hashes[index(extent: extent, chunk: chunk)] }
}
