/// The section `shards` of a file of a set (spec section 6.9): the number of the file, and in the first file the location of each tensor and
/// the identities of the other files.
package struct ShardSection: Sendable {
    package static let maximumCount = 65_535

    /// The record of a tensor of the model.
    private struct Entry: Sendable {
        var nameStart: Int
        var nameLength: UInt32
        /// From 1.
        var shard: UInt32
    }

    /// The number of this file, from 1.
    package let number: Int
    /// The number of files in the set.
    package let count: Int
    /// In the first file: the identities of the others, in order.
    package let identities: [UInt64]
    /// The section as stored.
    package let bytes: [UInt8]
    private var entries: [Entry] = []
    private var index = NameIndex()

    private static let identityLength = 8
    private static let shardLength = 4

    /// Parses the section and makes all checks that do not need the other files. O(bytes).
    init(_ bytes: [UInt8], base: Int) throws {
        self.bytes = bytes
        var reader = ByteReader(bytes, section: SectionName.shards.rawValue, base: base)
        number = Int(try reader.integer(UInt32.self))
        count = Int(try reader.integer(UInt32.self))
        guard (2...Self.maximumCount).contains(count), (1...count).contains(number) else {
            throw reader.malformed("there is no file \(number) of a set of \(count)")
        }
        let length = Int(try reader.integer(UInt32.self))
        try reader.skip(4)
        let others = number == 1 ? count - 1 : 0
        guard length >= Self.identityLength, others == 0 || length <= reader.remaining / others else {
            throw reader.malformed("the section does not hold \(others) records of \(length) bytes")
        }
        var identities: [UInt64] = []
        for _ in 0..<others {
            identities.append(try reader.integer())
            try reader.skip(length - Self.identityLength)
        }
        self.identities = identities
        let tensors = try reader.count()
        guard tensors <= reader.remaining / 12, number == 1 || tensors == 0 else { throw reader.malformed("the section does not list \(tensors) tensors") }
        for _ in 0..<tensors { try parseEntry(&reader) }
        guard reader.remaining == 0 else { throw reader.malformed("\(reader.remaining) bytes follow the last record") }
        try indexNames(reader)
    }

    private mutating func parseEntry(_ reader: inout ByteReader) throws {
        let nameLength: UInt32 = try reader.integer()
        let nameStart = reader.position
        try reader.skipText(Int(nameLength))
        let length = Int(try reader.integer(UInt32.self))
        guard length >= Self.shardLength else { throw reader.malformed("a record of \(length) bytes is too short") }
        let shard: UInt32 = try reader.integer()
        guard (1...UInt32(count)).contains(shard) else { throw reader.malformed("there is no file \(shard) of a set of \(count)") }
        try reader.skip(length - Self.shardLength)
        entries.append(Entry(nameStart: nameStart, nameLength: nameLength, shard: shard))
    }

    private mutating func indexNames(_ reader: ByteReader) throws {
        var index = NameIndex(capacity: entries.count)
        for tensor in entries.indices {
            let isNew = withName(of: tensor) { name in
                index.insert(tensor, hash: NameIndex.hash(name)) { other in withName(of: other) { $0.equals(name) } }
            }
            guard isNew else { throw reader.malformed("there are two tensors \"\(name(of: tensor))\"") }
        }
        self.index = index
    }

    // MARK: The model's tensors

    /// The number of tensors that the first file lists.
    package var tensorCount: Int { entries.count }

    /// The index of the file that holds a tensor, from 0.
    func file(of tensor: Int) -> Int { Int(entries[tensor].shard) - 1 }

    func name(of tensor: Int) -> String { String(decoding: bytes[nameRange(tensor)], as: UTF8.self) }

    func withName<Result>(of tensor: Int, _ body: (Span<UInt8>) throws -> Result) rethrows -> Result {
        try body(bytes.span.extracting(nameRange(tensor)))
    }

    /// The index in the model of the tensor with this name. O(1).
    func position(of name: String) -> Int? {
        let name = name.utf8Span.span
        return index.position(hash: NameIndex.hash(name)) { other in withName(of: other) { $0.equals(name) } }
    }

    private func nameRange(_ tensor: Int) -> Range<Int> {
        entries[tensor].nameStart..<entries[tensor].nameStart + Int(entries[tensor].nameLength)
    }

    // MARK: Writing

    /// The section of a file that is not the first.
    static func encode(number: Int, count: Int) -> [UInt8] { encode(number: number, count: count, identities: [], tensors: []) }

    /// The section of the first file: `tensors` are all tensors of the model with the numbers of their files, from 0.
    static func encode(identities: [UInt64], tensors: [(name: String, file: Int)]) -> [UInt8] {
        encode(number: 1, count: identities.count + 1, identities: identities, tensors: tensors)
    }

    private static func encode(number: Int, count: Int, identities: [UInt64], tensors: [(name: String, file: Int)]) -> [UInt8] {
        var writer = ByteWriter()
        writer.integer(UInt32(number))
        writer.integer(UInt32(count))
        writer.integer(UInt32(identityLength))
        writer.zeros(4)
        for identity in identities { writer.integer(identity) }
        writer.count(tensors.count)
        for tensor in tensors {
            writer.integer(UInt32(tensor.name.utf8.count))
            writer.append(tensor.name.utf8)
            writer.integer(UInt32(shardLength))
            writer.integer(UInt32(tensor.file + 1))
        }
        return writer.bytes
    }
}

extension [SectionEntry] {
    /// The end of a file with these sections.
    var end: Int { last?.end ?? FileHeader.byteCount }

    /// Identifies a file of a set: XXH3 of the entries of all sections except those that editing metadata in place changes. The checksums in
    /// the entries cover everything else in the file.
    package var identity: UInt64 {
        XXH3.hash(SectionTable.encode(filter { $0.known != .metadata && $0.known != .spare }))
    }
}
