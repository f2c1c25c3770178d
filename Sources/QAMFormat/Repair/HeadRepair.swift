/// Repairs what precedes the payload: header, section table and the small sections. Each part is proved by the part before it, the header by its own hash or
/// by what it describes.
struct HeadRepair {
    let material: RepairMaterial
    /// The file with what has been repaired so far.
    private(set) var bytes: PatchedBytes
    /// What was damaged.
    private(set) var repaired: [QAMError] = []

    init(_ bytes: any ByteSource, from material: RepairMaterial) {
        self.bytes = PatchedBytes(bytes)
        self.material = material
    }

    /// Throws the damage that cannot be repaired.
    mutating func run() throws {
        let header = try repairHeader()
        let entries = try repairTable(header)
        for entry in entries { try repairSection(entry) }
    }

    private mutating func patch(_ content: [UInt8], at offset: Int, _ damage: QAMError) {
        bytes.replace(at: offset, with: content)
        repaired.append(damage)
    }

    // MARK: Header

    private mutating func repairHeader() throws -> FileHeader {
        var stored = try bytes.read(0..<min(FileHeader.byteCount, bytes.byteCount))
        stored += [UInt8](repeating: 0, count: FileHeader.byteCount - stored.count)
        do {
            return try FileHeader(stored, actualLength: bytes.byteCount)
        } catch let error as QAMError {
            if XXH3.hash(stored[..<56]) == Self.integer(stored, at: 56) {
                // The header is sound: another version, or a file that was cut or extended.
                let length = Self.integer(stored, at: 16)
                guard let length = Int(exactly: length), length <= max(bytes.byteCount, material.byteBound) else { throw error }
                let header = try FileHeader(stored, actualLength: length)
                bytes.byteCount = length
                repaired.append(error)
                return header
            }
            guard let header = try copiedHeader(stored) ?? ownHeader(stored) else { throw error }
            bytes.byteCount = header.fileLength
            patch(header.encoded, at: 0, error)
            return header
        }
    }

    /// The header of a copy that is a copy of this file, as far as something of this file proves it.
    private func copiedHeader(_ stored: [UInt8]) throws -> FileHeader? {
        try material.files.first { file in
            let encoded = file.header.encoded
            if encoded[56...].elementsEqual(stored[56...]) || encoded[32..<40].elementsEqual(stored[32..<40]) { return true }
            guard let table = file.header.table, table.upperBound <= bytes.byteCount else { return false }
            if XXH3.hash(try bytes.read(table)) == file.header.tableHash { return true }
            return try isTable(file.sections)
        }?.header
    }

    /// Whether a section table is that of this file: the hashes of all chunks tell the payload, and nothing but the metadata can differ with the same payload.
    private func isTable(_ entries: [SectionEntry]) throws -> Bool {
        try [SectionName.checksums, .metadata].allSatisfy { name in
            guard let entry = entries.first(where: { $0.known == name }), entry.end <= bytes.byteCount, entry.length <= Limits().checksumBytes else {
                return false
            }
            return XXH3.hash(try bytes.read(entry.range)) == entry.checksum
        }
    }

    /// The header that follows from the section table and the length of the file. What is left of the old one proves it: its hash, or all that the hash covers,
    /// or the alignment, which alone does not follow from a table that is proved by the sections.
    private func ownHeader(_ stored: [UInt8]) throws -> FileHeader? {
        let offsets = [FileHeader.byteCount, Int(exactly: Self.integer(stored, at: 40)) ?? 0].filter {
            (FileHeader.byteCount...max(FileHeader.byteCount, bytes.byteCount)).contains($0) && $0 % SectionEntry.alignment == 0
        }
        for offset in offsets {
            for count in 1...FileHeader.maxSections {
                let end = offset + count * SectionEntry.byteCount
                guard end <= bytes.byteCount else { break }
                let table = try bytes.read(offset..<end)
                var header = FileHeader(
                    alignment: FileHeader.alignments.lowerBound, fileLength: bytes.byteCount, sectionCount: count, tableHash: XXH3.hash(table),
                    tableOffset: offset)
                guard let entries = try? SectionTable.decode(table, header: header) else { continue }
                while FileHeader.alignments.contains(header.alignment) {
                    let encoded = header.encoded
                    if encoded[56...].elementsEqual(stored[56...]) || encoded[..<56].elementsEqual(stored[..<56]) { return header }
                    if try encoded[8..<16].elementsEqual(stored[8..<16]) && isTable(entries) { return header }
                    header.alignment *= 2
                }
            }
        }
        return nil
    }

    private static func integer(_ bytes: [UInt8], at offset: Int) -> UInt64 {
        (0..<8).reduce(0) { $0 | UInt64(bytes[offset + $1]) << UInt64(8 * $1) }
    }

    // MARK: Section table and sections

    private mutating func repairTable(_ header: FileHeader) throws -> [SectionEntry] {
        guard let table = header.table else { return try Opened(bytes, limits: Limits()).sections }
        let stored = try bytes.read(table)
        do {
            return try SectionTable.decode(stored, header: header)
        } catch let error as QAMError where error.code == .checksumMismatch {
            for file in material.files {
                guard let range = file.header.table, range.count == table.count else { continue }
                let candidate = try file.bytes.read(range)
                guard XXH3.hash(candidate) == header.tableHash else { continue }
                patch(candidate, at: table.lowerBound, error)
                return try SectionTable.decode(candidate, header: header)
            }
            throw error
        }
    }

    private mutating func repairSection(_ entry: SectionEntry) throws {
        guard let name = entry.known, !name.isChunked, name != .spare, name != .checksums else { return }
        let limits = Limits()
        let limit = [.codebooks, .seeds].contains(name) ? limits.codebookBytes : name == .metadata ? limits.metadataBytes : limits.directoryBytes
        // Opening refuses longer ones.
        guard entry.length <= limit else { return }
        let stored = try bytes.read(entry.range)
        guard XXH3.hash(stored) != entry.checksum else { return }
        let damage = QAMError(
            .checksumMismatch, "the section is damaged", at: .init(file: bytes.name, section: entry.name, offset: entry.offset, length: entry.length))
        guard let content = try content(of: entry, name, stored) else { throw damage }
        patch(content, at: entry.offset, damage)
    }

    private func content(of entry: SectionEntry, _ name: SectionName, _ stored: [UInt8]) throws -> [UInt8]? {
        func fits(_ candidate: [UInt8]) -> Bool { candidate.count == entry.length && XXH3.hash(candidate) == entry.checksum }
        for file in material.files {
            guard let other = file.sections.first(where: { $0.known == name }), other.length == entry.length, other.checksum == entry.checksum else { continue }
            let candidate = try file.bytes.read(other.range)
            if fits(candidate) { return candidate }
        }
        if name == .producer, let candidate = [Array("qamw \(Version.text)".utf8)].first(where: fits) { return candidate }
        for source in material.sources {
            if let candidate = try Self.contents(of: name, from: source).first(where: fits) { return candidate }
        }
        return try material.contents(name, stored).first(where: fits)
    }

    /// A small section as a writer would store it for a source.
    private static func contents(of name: SectionName, from source: any TensorSource) throws -> [[UInt8]] {
        switch name {
        case .metadata: [try ContainerPlan.store(source.metadata).bytes, source.metadata.encoded]
        case .codebooks: [source.shared.encodedCodebooks]
        case .seeds: [source.shared.encodedSeeds]
        default: []
        }
    }
}
