extension StoredDirectory {
    /// Parses the directory and makes all checks that do not need other sections. O(bytes).
    package init(_ bytes: [UInt8], base: Int, sharedCounts: (codebooks: Int, seeds: Int)) throws {
        var parser = DirectoryParser(bytes, base: base, sharedCounts: sharedCounts)
        try parser.parse()
        self = parser.directory
    }
}

/// Parses the directory of a file (spec section 6.2).
///
/// Most records have the form of an earlier one: then their bytes are compared, and only the offsets of their extents are checked. All others are parsed field
/// by field.
private struct DirectoryParser {
    private(set) var directory: StoredDirectory
    private var reader: ByteReader
    private let sharedCounts: (codebooks: Int, seeds: Int)
    /// The most recent forms. A few suffice: the layers of a model repeat some ten kinds of tensors.
    private var recent: [Int] = []
    /// The position of the last match. As layers repeat, the next form is likely the same or the one after it.
    private var last = 0

    private static var recentCount: Int { 16 }

    init(_ bytes: [UInt8], base: Int, sharedCounts: (codebooks: Int, seeds: Int)) {
        reader = ByteReader(bytes, section: SectionName.directory.rawValue, base: base)
        directory = StoredDirectory(bytes: bytes)
        self.sharedCounts = sharedCounts
    }

    mutating func parse() throws {
        let byteCount = reader.remaining
        let tensorCount = try reader.count()
        let fileCount = try reader.count()
        // The shortest records have 12 and 36 bytes: counts that cannot fit are rejected before anything is allocated.
        guard tensorCount <= byteCount / 12, fileCount <= byteCount / 36 else {
            throw reader.malformed("\(tensorCount) tensors and \(fileCount) files do not fit in \(byteCount) bytes")
        }
        // The count is untrusted: no more memory is reserved than a real model needs.
        directory.reserveCapacity(min(tensorCount, 1 << 16))
        for _ in 0..<tensorCount { try parseTensor() }
        if let tensor = directory.indexNames() { throw reader.malformed("there are two tensors \"\(directory.name(of: tensor))\"") }
        var fileNames = Set<ExactName>()
        for _ in 0..<fileCount {
            let file = try parseFile()
            guard fileNames.insert(ExactName(file.name)).inserted else { throw reader.malformed("there are two files \"\(file.name)\"") }
            directory.files.append(file)
        }
        guard reader.remaining == 0 else { throw reader.malformed("\(reader.remaining) bytes follow the last record") }
        for form in directory.forms { try checkAlias(form) }
        try checkTotals()
    }

    /// Checks the totals of all tensors and files.
    private mutating func checkTotals() throws {
        var totals = TensorTotals()
        let claims = directory.forms.map { form in
            var target = form
            if case .alias(let tensor) = form.storage { target = directory.form(of: tensor) }
            return (elements: TensorTotals.elements(form.shape), bytes: target.contentLength)
        }
        do {
            for tensor in 0..<directory.count {
                let claim = claims[directory.formNumber(of: tensor)]
                try totals.add(elements: claim.elements, bytes: claim.bytes)
            }
            for file in directory.files { try totals.add(elements: 0, bytes: file.contentLength) }
            directory.totals = totals
        } catch var error as QAMError {
            error.place.section = SectionName.directory.rawValue
            throw error
        }
    }

    private func checkAlias(_ form: StoredDirectory.Form) throws {
        guard case .alias(let target) = form.storage else { return }
        guard target < directory.count, directory.form(of: target).shape == form.shape else {
            throw reader.malformed("alias \"\(directory.name(of: form.first))\" names no tensor of its shape")
        }
        if case .alias = directory.form(of: target).storage {
            throw reader.malformed("alias \"\(directory.name(of: form.first))\" names another alias")
        }
    }

    private mutating func parseTensor() throws {
        let nameLength = Int(try reader.integer(UInt32.self))
        let nameStart = reader.position
        try reader.skipText(nameLength)
        let form = try takeKnownForm() ?? parseForm(nameStart..<reader.position)
        directory.append(nameStart: nameStart, form: form)
    }

    /// Consumes the rest of a record with a known form and correct extents.
    private mutating func takeKnownForm() throws -> Int? {
        for step in recent.indices {
            let position = (last + step) % recent.count, form = recent[position]
            guard directory.forms[form].matches(reader.bytes, at: reader.position) else { continue }
            // Records with wrong offsets are parsed field by field, to report the error.
            guard directory.takeExtents(of: form, at: reader.position) else { return nil }
            try reader.skip(directory.forms[form].bytes.count)
            last = position
            return form
        }
        return nil
    }

    private mutating func parseForm(_ nameRange: Range<Int>) throws -> Int {
        let name = String(decoding: reader.bytes[nameRange], as: UTF8.self)
        let end = try recordEnd("tensor \"\(name)\"")
        let kindByte: UInt8 = try reader.integer()
        let rank: UInt8 = try reader.integer()
        let extentCount: UInt8 = try reader.integer()
        try reader.skip(1)
        var shape: [Int] = []
        for _ in 0..<rank { shape.append(try reader.count()) }
        guard let elements = TensorDescriptor.checkedElementCount(shape) else {
            throw reader.malformed("the shape of tensor \"\(name)\" overflows")
        }
        var extents = try (0..<extentCount).map { _ in try parseExtent(name) }
        var compression = Compression.none
        let storage: TensorDescriptor.Storage
        switch Directory.Kind(rawValue: kindByte) {
        case .raw: (storage, compression) = try parseRaw(name, elements: elements, extents)
        case .coded: storage = try parseCoding(name, shape: shape, elements: elements, extents)
        case .alias:
            guard extents.isEmpty else { throw reader.malformed("alias \"\(name)\" has extents") }
            storage = .alias(of: try reader.count())
        case nil: storage = .unreadable("kind \(kindByte)")
        }
        try finishRecord(end, "tensor \"\(name)\"")
        let start = nameRange.upperBound
        for index in extents.indices { extents[index].field -= start }
        let form = StoredDirectory.Form(
            shape: shape, storage: storage, compression: compression, first: directory.count, bytes: start..<end, extents: extents)
        let number = directory.forms.count
        directory.append(form)
        last = recent.count < Self.recentCount ? recent.count : (last + 1) % Self.recentCount
        if last < recent.count { recent[last] = number } else { recent.append(number) }
        return number
    }

    /// Reads the length of a record. Returns its end.
    private mutating func recordEnd(_ what: String) throws -> Int {
        let length = Int(try reader.integer(UInt32.self))
        guard length <= reader.remaining else { throw reader.malformed("the record of \(what) has \(length) bytes, but \(reader.remaining) are left") }
        return reader.position + length
    }

    /// Skips data that a later version may have appended to a record.
    private mutating func finishRecord(_ end: Int, _ what: String) throws {
        guard reader.position <= end else { throw reader.malformed("the record of \(what) is shorter than its fields") }
        try reader.skip(end - reader.position)
    }

    private mutating func parseExtent(_ name: String) throws -> StoredDirectory.Form.Extent {
        let number: UInt8 = try reader.integer()
        guard let section = SectionName.ofExtent(number: number) else { throw reader.malformed("an extent of tensor \"\(name)\" lies in no section") }
        try reader.skip(7)
        let field = reader.position
        let extent = try directory.placement.next(section, offset: try reader.count(), length: try reader.count(), reader)
        return .init(section: section, length: extent.length, field: field)
    }

    private mutating func parseRaw(
        _ name: String, elements: Int, _ extents: [StoredDirectory.Form.Extent]
    ) throws -> (TensorDescriptor.Storage, Compression) {
        let id: UInt8 = try reader.integer()
        let compressionByte: UInt8 = try reader.integer()
        try reader.skip(2)
        guard extents.count == 1, extents[0].section == .raw else {
            throw reader.malformed("tensor \"\(name)\" has not one extent in the section raw")
        }
        guard let dtype = DType.withID(id) else { return (.unreadable("dtype \(id)"), .none) }
        guard let byteCount = dtype.byteCount(elements: elements) else {
            throw reader.malformed("tensor \"\(name)\" does not fill a whole number of bytes of \(dtype.name), or too many")
        }
        guard let compression = Compression(rawValue: compressionByte) else { return (.unreadable("compression \(compressionByte)"), .none) }
        guard compression != .none || extents[0].length == byteCount else {
            throw reader.malformed("tensor \"\(name)\" has \(extents[0].length) bytes, but its shape needs \(byteCount)")
        }
        guard compression == .none || ZstdFrames.isPossible(contentLength: byteCount, storedLength: extents[0].length) else {
            throw reader.malformed("\(extents[0].length) bytes of tensor \"\(name)\" cannot become the \(byteCount) that its shape needs")
        }
        return (.raw(dtype), compression)
    }

    private mutating func parseCoding(
        _ name: String, shape: [Int], elements: Int, _ extents: [StoredDirectory.Form.Extent]
    ) throws -> TensorDescriptor.Storage {
        let codec = CodecID(rawValue: try reader.integer())
        let sourceID: UInt8 = try reader.integer()
        let parameterCount: UInt8 = try reader.integer()
        let codebook: UInt16 = try reader.integer()
        let seed: UInt16 = try reader.integer()
        let none = Directory.none
        guard codebook == none || codebook < sharedCounts.codebooks, seed == none || seed < sharedCounts.seeds else {
            throw reader.malformed("tensor \"\(name)\" refers to a codebook or seed that is not there")
        }
        let parameters = Array(try reader.take(Int(parameterCount)))
        guard let columns = shape.last else { throw reader.malformed("the coded tensor \"\(name)\" has no dimensions") }
        let rows = columns == 0 ? shape.dropLast().reduce(1, &*) : elements / columns
        var streams: [StreamLayout] = []
        var unknown: String?
        for extent in extents {
            let role = StreamRole(rawValue: try reader.integer())
            let kind: UInt8 = try reader.integer()
            let group: UInt8 = try reader.integer()
            try reader.skip(1)
            let bytes = try reader.count()
            guard extent.section == role.section else { throw reader.malformed("a stream of tensor \"\(name)\" lies in the section \(extent.section)") }
            guard kind <= 2 else {
                unknown = "kind \(kind) of a stream"
                continue
            }
            guard kind != 2 || (1...15).contains(group) else {
                unknown = "group of rows of a stream"
                continue
            }
            let groupRows = kind == 2 ? 1 << Int(group) : 1
            let (length, overflow) = kind == 1 ? (bytes, false) : StreamLayout.groups(rows, of: groupRows).multipliedReportingOverflow(by: bytes)
            guard !overflow, length == extent.length else {
                throw reader.malformed("a stream of tensor \"\(name)\" has \(extent.length) bytes, but not those that its rows need")
            }
            streams.append(StreamLayout(role: role, extent: kind == 1 ? .whole(bytes) : .perRows(groupRows, bytes: bytes)))
        }
        if let unknown { return .unreadable(unknown) }
        return .coded(
            Coding(
                codec: codec, sourceType: DType.withID(sourceID), codebook: codebook == none ? nil : Int(codebook),
                seed: seed == none ? nil : Int(seed), parameters: parameters, streams: streams))
    }

    private mutating func parseFile() throws -> Directory.File {
        let name = try reader.string(Int(try reader.integer(UInt32.self)))
        guard EmbeddedFileName.isValid(name) else { throw reader.malformed("an embedded file's name is not a relative file name") }
        let end = try recordEnd("file \"\(name)\"")
        let compression = Compression(rawValue: try reader.integer())
        let role = EmbeddedFileRole(rawValue: try reader.integer())
        try reader.skip(2)
        let contentLength = try reader.count()
        let extent = try directory.placement.next(.files, offset: try reader.count(), length: try reader.count(), reader)
        try finishRecord(end, "file \"\(name)\"")
        guard compression != Compression.none || extent.length == contentLength else {
            throw reader.malformed("file \"\(name)\" has \(extent.length) bytes, but says \(contentLength)")
        }
        guard
            compression != .zstdFrames
                || contentLength / ZstdFrames.maxExpansion <= extent.length
                    && ZstdFrames.isPossible(contentLength: contentLength, storedLength: extent.length)
        else {
            throw reader.malformed("\(extent.length) bytes of file \"\(name)\" would become \(contentLength)")
        }
        return Directory.File(name: name, contentLength: contentLength, extent: extent, compression: compression, role: role)
    }
}
