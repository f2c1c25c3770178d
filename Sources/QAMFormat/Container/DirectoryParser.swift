extension Directory {
    /// Parses the directory and checks all that can be checked without the other sections. O(bytes).
    package init(_ bytes: [UInt8], base: Int, sharedCounts: (codebooks: Int, seeds: Int)) throws {
        var parser = DirectoryParser(bytes, base: base, sharedCounts: sharedCounts)
        try parser.parse()
        self = parser.directory
    }
}

/// Parses the directory of a file (spec section 6.2).
///
/// The tensors of a model are alike, so equal shapes, parameters and stream layouts are kept once: most tensors take no
/// memory of their own but their name's.
private struct DirectoryParser {
    private(set) var directory = Directory()
    private var reader: ByteReader
    private let sharedCounts: (codebooks: Int, seeds: Int)
    private var shapes = Interner<Int>()
    private var parameters = Interner<UInt8>()
    private var layouts = Interner<StreamLayout>()
    private var kinds = Recent<Kind>()

    /// Tensors of one kind differ in name and place only.
    private struct Kind: Equatable {
        var shape: [Int]
        var coding: Coding
    }

    init(_ bytes: [UInt8], base: Int, sharedCounts: (codebooks: Int, seeds: Int)) {
        reader = ByteReader(bytes, section: SectionName.directory.rawValue, base: base)
        self.sharedCounts = sharedCounts
    }

    mutating func parse() throws {
        let byteCount = reader.remaining
        let tensorCount = try reader.count()
        let fileCount = try reader.count()
        // The shortest records have 16 and 33 bytes: more of them than would fit are refused before anything is allocated.
        guard tensorCount <= byteCount / 16, fileCount <= byteCount / 33 else {
            throw reader.malformed("\(tensorCount) tensors and \(fileCount) files do not fit in \(byteCount) bytes")
        }
        // The count is only a claim: no more is set aside for it than any model needs.
        directory.reserveCapacity(min(tensorCount, 1 << 16))
        for _ in 0..<tensorCount { try parseTensor() }
        var index = NameIndex(capacity: tensorCount)
        for position in 0..<tensorCount where !index.insert(position, of: directory.tensors) {
            throw reader.malformed("there are two tensors \"\(directory.tensors[position].name)\"")
        }
        directory.index = index
        var fileNames = Set<ExactName>()
        for _ in 0..<fileCount {
            let file = try parseFile()
            guard fileNames.insert(ExactName(file.name)).inserted else { throw reader.malformed("there are two files \"\(file.name)\"") }
            directory.files.append(file)
        }
        guard reader.remaining == 0 else { throw reader.malformed("\(reader.remaining) bytes follow the last record") }
        for tensor in directory.tensors { try checkAlias(tensor) }
    }

    private func checkAlias(_ alias: TensorDescriptor) throws {
        guard case .alias(let target) = alias.storage else { return }
        guard target < directory.tensors.count, directory.tensors[target].shape == alias.shape else {
            throw reader.malformed("alias \"\(alias.name)\" names no tensor of its shape")
        }
        if case .alias = directory.tensors[target].storage {
            throw reader.malformed("alias \"\(alias.name)\" names another alias")
        }
    }

    private mutating func parseTensor() throws {
        let name = try reader.string(Int(try reader.integer(UInt32.self)))
        let kindByte: UInt8 = try reader.integer()
        guard let kind = Directory.Kind(rawValue: kindByte) else { throw reader.malformed("tensor \"\(name)\" is of the unknown kind \(kindByte)") }
        let rank: UInt8 = try reader.integer()
        try reader.reserved(2)
        for _ in 0..<rank { shapes.append(try reader.count()) }
        let shape = shapes.finish()
        guard let elements = TensorDescriptor.checkedElementCount(shape) else {
            throw reader.malformed("the shape of tensor \"\(name)\" overflows")
        }
        let firstExtent = directory.extents.count
        var compression = Compression.none
        let storage: TensorDescriptor.Storage
        switch kind {
        case .raw:
            let dtype: DType
            (dtype, compression) = try parseRaw(name, elements: elements)
            storage = .raw(dtype)
        case .coded:
            let kind = kinds.canonical(Kind(shape: shape, coding: try parseCoding(name, shape: shape, elements: elements)))
            if kind.isNew { directory.kinds.append(directory.tensors.count) }
            storage = .coded(kind.value.coding)
        case .alias:
            storage = .alias(of: try reader.count())
        }
        directory.append(TensorDescriptor(name: name, shape: shape, storage: storage), firstExtent: firstExtent, compression: compression)
    }

    private mutating func parseRaw(_ name: String, elements: Int) throws -> (DType, Compression) {
        let id: UInt8 = try reader.integer()
        guard let dtype = DType.withID(id) else {
            throw QAMError(.unsupported, "its dtype has the unknown number \(id)", at: .init(section: "directory", tensor: name))
        }
        let compressionByte: UInt8 = try reader.integer()
        guard let compression = Compression(rawValue: compressionByte) else {
            throw reader.malformed("tensor \"\(name)\" has the unknown compression \(compressionByte)")
        }
        try reader.reserved(2)
        guard let byteCount = dtype.byteCount(elements: elements) else {
            throw reader.malformed("tensor \"\(name)\" fills no whole number of bytes of \(dtype.name), or too many")
        }
        let extent = try directory.placement.next(.raw, offset: try reader.count(), length: try reader.count(), reader)
        guard compression == .zstdFrames || extent.length == byteCount else {
            throw reader.malformed("tensor \"\(name)\" has \(extent.length) bytes, but its shape needs \(byteCount)")
        }
        directory.extents.append(extent)
        return (dtype, compression)
    }

    private mutating func parseCoding(_ name: String, shape: [Int], elements: Int) throws -> Coding {
        let codec = CodecID(rawValue: try reader.integer())
        let sourceID: UInt8 = try reader.integer()
        guard let sourceType = DType.withID(sourceID) else {
            throw QAMError(.unsupported, "its source dtype has the unknown number \(sourceID)", at: .init(section: "directory", tensor: name))
        }
        let streamCount: UInt8 = try reader.integer()
        let codebook: UInt16 = try reader.integer()
        let seed: UInt16 = try reader.integer()
        let none = Directory.none
        guard codebook == none || codebook < sharedCounts.codebooks, seed == none || seed < sharedCounts.seeds else {
            throw reader.malformed("tensor \"\(name)\" refers to a codebook or seed that is not there")
        }
        let parameterCount: UInt8 = try reader.integer()
        for _ in 0..<parameterCount { parameters.append(try reader.integer()) }
        let parameters = parameters.finish()
        guard let columns = shape.last else { throw reader.malformed("the coded tensor \"\(name)\" has no dimensions") }
        let rows = columns == 0 ? shape.dropLast().reduce(1, &*) : elements / columns
        for _ in 0..<streamCount {
            let role = StreamRole(rawValue: try reader.integer())
            let kind: UInt8 = try reader.integer()
            try reader.reserved(2)
            let bytes = try reader.count()
            guard kind <= 1 else { throw reader.malformed("a stream of tensor \"\(name)\" is of the unknown kind \(kind)") }
            let (length, overflow) = kind == 0 ? rows.multipliedReportingOverflow(by: bytes) : (bytes, false)
            guard !overflow else { throw reader.malformed("a stream of tensor \"\(name)\" overflows") }
            directory.extents.append(try directory.placement.next(role.section, offset: try reader.count(), length: length, reader))
            layouts.append(StreamLayout(role: role, extent: kind == 0 ? .perRow(bytes) : .whole(bytes)))
        }
        return Coding(
            codec: codec, sourceType: sourceType, codebook: codebook == none ? nil : Int(codebook), seed: seed == none ? nil : Int(seed),
            parameters: parameters, streams: layouts.finish())
    }

    private mutating func parseFile() throws -> Directory.File {
        let name = try reader.string(Int(try reader.integer(UInt32.self)))
        guard EmbeddedFileName.isValid(name) else { throw reader.malformed("an embedded file's name is no plain file name") }
        let compressionByte: UInt8 = try reader.integer()
        guard let compression = Compression(rawValue: compressionByte) else {
            throw reader.malformed("file \"\(name)\" has the unknown compression \(compressionByte)")
        }
        try reader.reserved(3)
        let contentLength = try reader.count()
        let extent = try directory.placement.next(.files, offset: try reader.count(), length: try reader.count(), reader)
        guard compression == .zstdFrames || extent.length == contentLength else {
            throw reader.malformed("file \"\(name)\" has \(extent.length) bytes, but says \(contentLength)")
        }
        guard contentLength / ZstdFrames.maxExpansion <= extent.length else {
            throw reader.malformed("\(extent.length) bytes of file \"\(name)\" would become \(contentLength)")
        }
        return Directory.File(name: name, contentLength: contentLength, extent: extent, compression: compression)
    }
}

/// Lists of which many are equal: each of them is kept once.
private struct Interner<Element: Equatable> {
    private var known = Recent<[Element]>()
    private var list: [Element] = []

    mutating func append(_ element: Element) { list.append(element) }

    /// Ends a list and begins the next.
    mutating func finish() -> [Element] {
        defer { list.removeAll(keepingCapacity: true) }
        return known.canonical(list).value
    }
}

/// The values that came last, each once. A few suffice: the layers of a model repeat some ten kinds of tensors.
private struct Recent<Value: Equatable> {
    private static var capacity: Int { 16 }
    private var values: [Value] = []
    /// Where the last value was found. The next is likely the same or the one behind it, as layers repeat.
    private var last = 0

    /// The value that is known already, or this one, which is known from now on.
    mutating func canonical(_ value: Value) -> (value: Value, isNew: Bool) {
        for step in values.indices {
            let position = (last + step) % values.count
            guard values[position] == value else { continue }
            last = position
            return (values[position], false)
        }
        last = values.count < Self.capacity ? values.count : (last + 1) % Self.capacity
        if last < values.count { values[last] = value } else { values.append(value) }
        return (value, true)
    }
}
