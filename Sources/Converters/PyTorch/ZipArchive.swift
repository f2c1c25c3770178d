internal import QAMFormat

/// The central directory of a zip archive, read from untrusted input and fully validated: every entry lies before the directory, overlaps no
/// other and has a name of its own.
///
/// ZIP64 and data descriptors are supported, encryption and archives of several files are refused. Compressed entries are told.
struct ZipArchive: Sendable {
    struct Entry: Sendable {
        var name: String
        /// The entry's bytes in the file.
        var range: Range<Int>
        /// The CRC-32 of its content, as the directory has it.
        var checksum: UInt32
        /// Whether the bytes in the file are not the content itself.
        var isCompressed: Bool
    }

    /// The maximum size of the directory in bytes: the same as for headers of safetensors.
    static let maximumLength = 100_000_000

    /// In the order of the directory.
    let entries: [Entry]

    /// Reads the directory and the header in front of each entry. Throws `malformed`, `truncated`, `unsupported` or `limitExceeded`.
    /// O(n log n) for n entries.
    init(reading file: any ByteSource) throws {
        let end = try ZipEnd(reading: file)
        guard end.directory.count <= Self.maximumLength else {
            throw QAMError(
                .limitExceeded, "a directory of \(end.directory.count) bytes is beyond the limit of \(Self.maximumLength)", at: .init(section: ZipEnd.section))
        }
        var reader = ByteReader(try file.read(end.directory), section: ZipEnd.section, base: end.directory.lowerBound)
        guard end.count <= reader.remaining / ZipRecord.minimumLength else {
            throw reader.malformed("\(end.count) entries do not fit into a directory of \(reader.remaining) bytes")
        }
        var names = Set<ExactName>(minimumCapacity: end.count)
        var records: [ZipRecord] = []
        records.reserveCapacity(end.count)
        for _ in 0..<end.count {
            let record = try ZipRecord(&reader)
            guard names.insert(ExactName(record.name)).inserted else { throw reader.malformed("the entry \"\(record.name)\" is there twice") }
            records.append(record)
        }
        guard reader.remaining == 0 else { throw reader.malformed("\(reader.remaining) bytes follow the last entry of the directory") }
        entries = try Self.placed(records, in: file, before: end.directory.lowerBound)
    }

    /// Finds the data of each record behind its local header, whose length the directory does not tell.
    private static func placed(_ records: [ZipRecord], in file: any ByteSource, before end: Int) throws -> [Entry] {
        var entries: [Entry] = []
        entries.reserveCapacity(records.count)
        for record in records { entries.append(try entry(record, in: file, before: end)) }
        var taken = 0
        for index in records.indices.sorted(by: { records[$0].headerOffset < records[$1].headerOffset }) {
            guard records[index].headerOffset >= taken else {
                throw QAMError(
                    .malformed, "the entry \"\(records[index].name)\" overlaps the one before it", at: .init(offset: records[index].headerOffset))
            }
            taken = entries[index].range.upperBound
        }
        return entries
    }

    private static func entry(_ record: ZipRecord, in file: any ByteSource, before end: Int) throws -> Entry {
        let start = record.headerOffset
        func fault(_ message: String) -> QAMError { QAMError(.malformed, "the entry \"\(record.name)\" \(message)", at: .init(offset: start)) }
        let name = Array(record.name.utf8)
        let fixed = ZipRecord.localLength + name.count
        guard start <= end, fixed <= end - start else { throw fault("begins within the directory") }
        var reader = ByteReader(try file.read(start..<start + fixed), section: "entry", base: start)
        guard try reader.integer(UInt32.self) == 0x0403_4B50 else { throw fault("has no header where the directory says") }
        try reader.skip(22)
        let nameLength = Int(try reader.integer(UInt16.self)), extraLength = Int(try reader.integer(UInt16.self))
        guard nameLength == name.count, try reader.take(nameLength).elementsEqual(name) else { throw fault("has another name in its header") }
        guard extraLength <= end - start - fixed, record.byteCount <= end - start - fixed - extraLength else {
            throw fault("of \(record.byteCount) bytes reaches into the directory")
        }
        let data = start + fixed + extraLength
        return Entry(name: record.name, range: data..<data + record.byteCount, checksum: record.checksum, isCompressed: record.isCompressed)
    }
}

/// An entry as the directory describes it.
private struct ZipRecord {
    static let minimumLength = 46
    /// The fixed part of the header in front of an entry.
    static let localLength = 30

    let name: String
    /// The bytes in the file.
    let byteCount: Int
    let checksum: UInt32
    let isCompressed: Bool
    let headerOffset: Int

    init(_ reader: inout ByteReader) throws {
        guard try reader.integer(UInt32.self) == 0x0201_4B50 else { throw reader.malformed("there is no record of an entry here") }
        try reader.skip(4)
        let flags: UInt16 = try reader.integer(), method: UInt16 = try reader.integer()
        try reader.skip(4)
        checksum = try reader.integer()
        let compressed: UInt32 = try reader.integer(), plain: UInt32 = try reader.integer()
        let nameLength: UInt16 = try reader.integer(), extraLength: UInt16 = try reader.integer(), commentLength: UInt16 = try reader.integer()
        let disk: UInt16 = try reader.integer()
        try reader.skip(6)
        let offset: UInt32 = try reader.integer()
        let name = try reader.string(Int(nameLength))
        self.name = name
        var wide = try Self.wideFields(&reader, length: Int(extraLength))
        try reader.skip(Int(commentLength))
        // ZIP64: the fields that are all ones lie in the extra field, in this order.
        func value(_ field: UInt32) throws -> Int {
            guard field == .max else { return Int(field) }
            guard !wide.isEmpty else { throw reader.malformed("the entry \"\(name)\" lacks its 64-bit sizes") }
            guard let value = Int(exactly: wide.removeFirst()) else { throw reader.malformed("a size or offset of the entry \"\(name)\" is out of range") }
            return value
        }
        let contentCount = try value(plain)
        byteCount = try value(compressed)
        headerOffset = try value(offset)
        guard flags & 1 == 0 else { throw Self.unsupported("the entry \"\(name)\" is encrypted") }
        guard disk == 0 else { throw Self.unsupported("the entry \"\(name)\" lies in another file of the archive") }
        isCompressed = method != 0
        guard isCompressed || byteCount == contentCount else {
            throw reader.malformed("the entry \"\(name)\" is stored, but has \(byteCount) bytes in the file and \(contentCount) in all")
        }
    }

    /// The numbers of the ZIP64 field among the extra fields; none if it is absent.
    private static func wideFields(_ reader: inout ByteReader, length: Int) throws -> [UInt64] {
        var fields: [UInt64] = []
        var left = length
        while left >= 4 {
            let id: UInt16 = try reader.integer(), size = Int(try reader.integer(UInt16.self))
            left -= 4
            guard size <= left else { throw reader.malformed("an extra field is longer than all of them") }
            left -= size
            guard id == 1, fields.isEmpty else {
                try reader.skip(size)
                continue
            }
            for _ in 0..<size / 8 { fields.append(try reader.integer()) }
            try reader.skip(size % 8)
        }
        try reader.skip(left)
        return fields
    }

    private static func unsupported(_ message: String) -> QAMError { QAMError(.unsupported, message, at: .init(section: ZipEnd.section)) }
}

/// The records at the end of a zip archive, which tell where its directory lies.
private struct ZipEnd {
    static let section = "zip directory"
    private static let length = 22
    private static let wideLength = 56
    private static let locatorLength = 20

    let directory: Range<Int>
    /// The number of entries.
    let count: Int

    init(reading file: any ByteSource) throws {
        // A comment of up to 65,535 bytes may follow the record.
        let start = max(0, file.byteCount - Self.length - 0xFFFF)
        let tail = try file.read(start..<file.byteCount)
        guard let place = Self.place(in: tail) else {
            throw QAMError(
                .truncated, "the zip archive has no directory at its end: the file is cut short, or damaged; fetch it again",
                at: .init(section: Self.section, offset: file.byteCount))
        }
        let position = start + place
        var reader = ByteReader(Array(tail[place...]), section: Self.section, base: position)
        try reader.skip(4)
        let disk: UInt16 = try reader.integer(), directoryDisk: UInt16 = try reader.integer()
        let here: UInt16 = try reader.integer(), all: UInt16 = try reader.integer()
        let size: UInt32 = try reader.integer(), offset: UInt32 = try reader.integer()
        var end = position, count = UInt64(all), length = UInt64(size), begin = UInt64(offset)
        if [disk, directoryDisk, here, all].contains(.max) || [size, offset].contains(.max) {
            (end, count, length, begin) = try Self.wide(file, before: position)
        } else {
            guard disk == 0, directoryDisk == 0, here == all else {
                throw QAMError(.unsupported, "the zip archive consists of several files", at: .init(section: Self.section, offset: position))
            }
        }
        // Compared in this order, no sum can overflow.
        guard begin <= UInt64(end), length <= UInt64(end) - begin, count <= length else {
            throw QAMError(
                .malformed, "the directory of \(count) entries and \(length) bytes at \(begin) is not within the file",
                at: .init(section: Self.section, offset: end))
        }
        directory = Int(begin)..<Int(begin + length)
        self.count = Int(count)
    }

    /// The last end record whose comment ends with the file.
    private static func place(in tail: [UInt8]) -> Int? {
        guard tail.count >= length else { return nil }
        for place in stride(from: tail.count - length, through: 0, by: -1) where tail[place] == 0x50 {
            guard tail[place..<place + 4].elementsEqual([0x50, 0x4B, 5, 6]) else { continue }
            if place + length + Int(tail[place + 20]) + Int(tail[place + 21]) << 8 == tail.count { return place }
        }
        return nil
    }

    /// The fields of the ZIP64 record, which a locator in front of the end record leads to.
    private static func wide(_ file: any ByteSource, before end: Int) throws -> (end: Int, count: UInt64, length: UInt64, begin: UInt64) {
        func fault(_ message: String) -> QAMError { QAMError(.malformed, message, at: .init(section: section, offset: end)) }
        guard end >= locatorLength else { throw fault("the ZIP64 locator is missing") }
        var locator = ByteReader(try file.read(end - locatorLength..<end), section: section, base: end - locatorLength)
        guard try locator.integer(UInt32.self) == 0x0706_4B50 else { throw fault("the ZIP64 locator is missing") }
        try locator.skip(4)
        let place: UInt64 = try locator.integer()
        guard end >= locatorLength + wideLength, place <= UInt64(end - locatorLength - wideLength) else {
            throw fault("the ZIP64 record is not within the file")
        }
        let start = Int(place)
        var reader = ByteReader(try file.read(start..<start + wideLength), section: section, base: start)
        guard try reader.integer(UInt32.self) == 0x0606_4B50 else { throw fault("the ZIP64 record is not where its locator says") }
        try reader.skip(12)
        let disk: UInt32 = try reader.integer(), directoryDisk: UInt32 = try reader.integer()
        let here: UInt64 = try reader.integer(), all: UInt64 = try reader.integer()
        guard disk == 0, directoryDisk == 0, here == all else {
            throw QAMError(.unsupported, "the zip archive consists of several files", at: .init(section: section))
        }
        return (start, all, try reader.integer(), try reader.integer())
    }
}
