package import QAMFormat

/// The header of a GGUF file, read from untrusted input and fully validated.
///
/// Counts are limited by the bytes left in the file; shapes, sizes and offsets use checked arithmetic; payloads must lie in the file
/// without overlap. Harmless deviations that loaders reject (gaps between tensors, another order, missing padding at the end, long names)
/// only cause a warning.
package struct GGUFHeader: Sendable {
    package struct Entry: Sendable {
        package var name: String
        /// Row-major: the reverse of the order in the file.
        package var shape: [Int]
        package var dtype: DType
        package var byteCount: Int
        /// Relative to the start of the data.
        package var offset: Int
    }

    package static let magic = Array("GGUF".utf8)
    package static let alignmentKey = "general.alignment"
    package static let defaultAlignment = 32
    package static let maximumDimensions = 4
    package static let maximumKeyLength = 65535
    /// The first length in bytes that is too long for ggml's loaders.
    package static let nameLimit = 64

    package let version: Int
    package let isBigEndian: Bool
    package let metadata: Metadata
    /// In the order of the file.
    package let entries: [Entry]
    package let alignment: Int
    /// The end of the header, without its padding.
    package let end: Int
    /// The offset of the data in the file.
    package let dataStart: Int
    /// The hash of all bytes of the header.
    package let hash: UInt64
    package let warnings: [String]

    /// Reads and validates the header. Throws `malformed`, `truncated`, `unsupported`, `limitExceeded`, or `io`.
    /// O(n log n) for n tensors and O(bytes of the metadata).
    package init(reading file: any ByteSource) throws {
        do {
            var cursor = GGUFCursor(file)
            (version, isBigEndian) = try Self.version(&cursor)
            let tensorCount = try cursor.count("the number of tensors")
            let entryCount = try cursor.count("the number of metadata entries")
            metadata = try cursor.metadata(entryCount)
            alignment = try Self.alignment(of: metadata)
            entries = try cursor.entries(tensorCount)
            try cursor.checkTotals(entries)
            end = cursor.offset
            hash = cursor.digest
            let layout = try GGUFLayout(entries, alignment: alignment, headerEnd: end, fileLength: file.byteCount)
            dataStart = layout.dataStart
            if let start = try layout.joinedFile(in: file) {
                throw QAMError(
                    .malformed,
                    "another GGUF file follows the last tensor: files were joined as with cat, which does not merge a split set; give the files as they were, "
                        + "the first of which opens the set", at: .init(offset: start))
            }
            warnings = Self.longNames(entries) + layout.warnings
        } catch let error as QAMError {
            throw error.inFile(file.name)
        }
    }

    private static func version(_ cursor: inout GGUFCursor) throws -> (Int, Bool) {
        let byteCount = cursor.remaining
        func truncated() -> QAMError { cursor.fault(.truncated, "the file has only \(byteCount) bytes, not even GGUF's first 24", at: 0) }
        guard byteCount >= 4 else { throw truncated() }
        let start: UInt32 = try cursor.integer()
        let first = (0..<4).map { UInt8(truncatingIfNeeded: start >> (8 * UInt32($0))) }
        guard first == magic else {
            throw cursor.fault("the file begins with the bytes \(first.map { String($0, radix: 16) }.joined(separator: " ")), not with \"GGUF\"", at: 0)
        }
        guard byteCount >= 24 else { throw truncated() }
        let stored: UInt32 = try cursor.integer()
        // Version numbers are small: if the lower half is zero, the file is big-endian.
        cursor.isBigEndian = stored & 0xFFFF == 0
        let version = cursor.isBigEndian ? stored.byteSwapped : stored
        guard version != 0 else { throw cursor.fault("0 is not a GGUF version", at: 4) }
        guard version != 1 else {
            throw cursor.fault(.unsupported, "this is GGUF version 1, which is no longer in use; convert the original model again", at: 4)
        }
        guard version <= 3 else { throw cursor.fault(.unsupported, "this is GGUF version \(version); versions 2 and 3 are known", at: 4) }
        return (Int(version), cursor.isBigEndian)
    }

    /// The alignment in the metadata. Throws `malformed` unless it is a power of two of type u32.
    package static func alignment(of metadata: Metadata) throws -> Int {
        guard let value = metadata[alignmentKey] else { return defaultAlignment }
        guard case .uint32(let alignment) = value, alignment.nonzeroBitCount == 1 else {
            throw QAMError(.malformed, "\"\(alignmentKey)\" must be a power of two of type u32", at: .init(section: "metadata"))
        }
        return Int(alignment)
    }

    static func longNames(_ entries: [Entry]) -> [String] {
        let long = entries.filter { $0.name.utf8.count >= nameLimit }
        guard let first = long.first else { return [] }
        let more = long.count > 1 ? " and \(long.count - 1) more" : ""
        return ["names of \(nameLimit) bytes and more, which llama.cpp does not load: \"\(first.name)\"\(more)"]
    }
}

extension GGUFCursor {
    /// Checks the totals over all tensors.
    fileprivate mutating func checkTotals(_ entries: [GGUFHeader.Entry]) throws {
        var totals = TensorTotals()
        for entry in entries {
            tensor = entry.name
            do { try totals.add(shape: entry.shape, bytes: entry.byteCount) } catch let error as QAMError { throw fault(error.code, error.message) }
        }
        tensor = nil
    }

    /// Reads `count` tensor entries. Validates each by itself, but not their offsets relative to each other.
    fileprivate mutating func entries(_ count: Int) throws -> [GGUFHeader.Entry] {
        section = "tensors"
        // The shortest entry: an empty name and no dimensions.
        guard count <= remaining / 24 else {
            throw fault(.truncated, "the number of tensors is \(count), but the rest of the file holds at most \(remaining / 24)")
        }
        var names: Set<ExactName> = []
        names.reserveCapacity(count)
        var entries: [GGUFHeader.Entry] = []
        entries.reserveCapacity(count)
        for index in 0..<count {
            tensor = nil
            let start = offset
            let name = try string("the name of tensor \(index)")
            guard name.utf8.count <= GGUFHeader.maximumKeyLength else {
                throw fault(.limitExceeded, "a name of \(name.utf8.count) bytes is beyond the limit of \(GGUFHeader.maximumKeyLength)", at: start)
            }
            guard !name.utf8.contains(0) else { throw fault("the name of tensor \(index) holds a NUL", at: start) }
            guard names.insert(ExactName(name)).inserted else { throw fault("the name \"\(name)\" is given twice", at: start) }
            tensor = name
            entries.append(try entry(name))
        }
        tensor = nil
        return entries
    }

    private mutating func entry(_ name: String) throws -> GGUFHeader.Entry {
        let start = offset
        let dimensionCount: UInt32 = try integer()
        guard dimensionCount <= GGUFHeader.maximumDimensions else {
            throw fault("it has \(dimensionCount) dimensions, more than the \(GGUFHeader.maximumDimensions) of GGUF", at: start)
        }
        var dimensions: [Int] = []
        for number in 0..<dimensionCount { dimensions.append(try count("dimension \(number)")) }
        let shape = Array(dimensions.reversed())
        let dtype: DType
        let typeStart = offset
        do {
            dtype = try GGMLType.dtype(try integer())
        } catch let error as QAMError where error.place.section == nil {
            throw fault(error.code, error.message, at: typeStart)
        }
        guard let elements = TensorDescriptor.checkedElementCount(shape) else {
            throw fault("the dimensions \(dimensions) multiply to more than 2^63", at: start)
        }
        guard (dimensions.first ?? 1) % dtype.blockElements == 0 else {
            throw fault("rows of \(dimensions.first ?? 1) elements fill no whole blocks of \(dtype.name), which have \(dtype.blockElements)", at: start)
        }
        guard let bytes = dtype.byteCount(elements: elements) else {
            throw fault("the dimensions \(dimensions) of \(dtype.name) need more than 2^63 bytes", at: start)
        }
        return GGUFHeader.Entry(name: name, shape: shape, dtype: dtype, byteCount: bytes, offset: try count("the offset"))
    }
}
