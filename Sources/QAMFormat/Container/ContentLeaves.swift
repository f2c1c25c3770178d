/// The hashes of a model's content in pieces of 1 MiB, as a file keeps them (spec section 6.10). QAMFormat stores them; what they mean, and whether they are
/// right, is up to who computes hashes.
package struct ContentLeaves: Hashable, Sendable {
    package static let leafSize = 1 << 20
    private static let digestLength = 32
    /// SHA-256.
    private static let algorithm: UInt32 = 1

    /// For each tensor and each of its streams, the digests in order.
    package var tensors: [[[[UInt8]]]]
    /// For each embedded file.
    package var files: [[[UInt8]]]

    package init(tensors: [[[[UInt8]]]], files: [[[UInt8]]]) {
        self.tensors = tensors
        self.files = files
    }

    /// As many leaves as a source's content has: for planning.
    package init(sizedFor source: any TensorSource) {
        func blanks(_ length: Int) -> [[UInt8]] { Array(repeating: [UInt8](repeating: 0, count: Self.digestLength), count: ChunkHashes.count(of: length)) }
        self.init(tensors: source.tensors.map { $0.streamLengths.map(blanks) }, files: source.files.map { blanks($0.byteCount) })
    }

    /// The section of a file with these tensors, and with the embedded files or without.
    func section(tensors indices: [Int], hasFiles: Bool) -> [UInt8] {
        let digests = indices.flatMap { tensors[$0].flatMap(\.self) } + (hasFiles ? files.flatMap(\.self) : [])
        var writer = ByteWriter()
        writer.integer(Self.algorithm)
        writer.integer(UInt32(Self.leafSize))
        writer.count(digests.count)
        for digest in digests { writer.append(digest) }
        return writer.bytes
    }

    /// Parses the section of a file with these tensors and files. Throws `malformed`, or `unsupported` for another hash or other pieces.
    init(_ bytes: [UInt8], base: Int, tensors: [TensorDescriptor], files: [Int]) throws {
        var reader = ByteReader(bytes, section: SectionName.content.rawValue, base: base)
        let algorithm: UInt32 = try reader.integer(), leafSize: UInt32 = try reader.integer()
        guard algorithm == Self.algorithm, leafSize == Self.leafSize else {
            throw QAMError(
                .unsupported, "content hashes of kind \(algorithm) over \(leafSize) bytes are unknown", at: .init(section: SectionName.content.rawValue))
        }
        let count = try reader.count()
        guard count == reader.remaining / Self.digestLength, reader.remaining % Self.digestLength == 0 else {
            throw reader.malformed("\(count) hashes do not take \(reader.remaining) bytes")
        }
        func digests(_ length: Int) throws -> [[UInt8]] {
            let count = ChunkHashes.count(of: length)
            guard count <= reader.remaining / Self.digestLength else { throw reader.malformed("the content needs more hashes") }
            return try (0..<count).map { _ in Array(try reader.take(Self.digestLength)) }
        }
        self.tensors = try tensors.map { try $0.streamLengths.map(digests) }
        self.files = try files.map(digests)
        guard reader.remaining == 0 else { throw reader.malformed("\(reader.remaining) bytes follow the last hash") }
    }
}

extension TensorDescriptor {
    /// The lengths of what a tensor stores, before compression: of the elements of a raw one, of each stream of a coded one.
    package var streamLengths: [Int] {
        switch storage {
        case .raw: [byteCount]
        case .coded(let coding): coding.streams.map { $0.byteCount(rows: rows) }
        case .alias, .unreadable: []
        }
    }
}

extension ContainerFile {
    /// The stored section; nil if there is none. Checked against its checksum.
    func contentSection() throws -> (entry: SectionEntry, bytes: [UInt8])? {
        try SectionLoader(bytes: bytes, sections: sections).optional(.content, limit: Limits().checksumBytes)
    }
}
