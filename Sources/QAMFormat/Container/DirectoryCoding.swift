/// The directory as bytes (spec section 6.2). Its length depends on names and shapes only, not on offsets.
extension Directory {
    private enum Kind: UInt8 { case raw = 0, coded = 1, alias = 2 }
    private static let none: UInt16 = 0xFFFF

    package var encoded: [UInt8] {
        var writer = ByteWriter()
        writer.count(tensors.count)
        writer.count(files.count)
        for tensor in tensors { Self.encode(tensor, into: &writer) }
        for file in files {
            writer.integer(UInt32(file.name.utf8.count))
            writer.append(file.name.utf8)
            writer.integer(file.compression.rawValue)
            writer.zeros(3)
            writer.count(file.contentLength)
            writer.count(file.extent.offset)
            writer.count(file.extent.length)
        }
        return writer.bytes
    }

    private static func encode(_ tensor: Tensor, into writer: inout ByteWriter) {
        let descriptor = tensor.descriptor
        writer.integer(UInt32(descriptor.name.utf8.count))
        writer.append(descriptor.name.utf8)
        let kind: Kind =
            switch descriptor.storage {
            case .raw: .raw
            case .coded: .coded
            case .alias: .alias
            }
        writer.integer(kind.rawValue)
        writer.integer(UInt8(descriptor.shape.count))
        writer.zeros(2)
        for dimension in descriptor.shape { writer.count(dimension) }
        switch descriptor.storage {
        case .raw(let dtype):
            writer.integer(dtype.id)
            writer.integer(tensor.compression.rawValue)
            writer.zeros(2)
            writer.count(tensor.extents[0].offset)
            writer.count(tensor.extents[0].length)
        case .coded(let coding):
            writer.integer(coding.codec.rawValue)
            writer.integer(coding.sourceType.id)
            writer.integer(UInt8(coding.streams.count))
            writer.integer(coding.codebook.map { UInt16($0) } ?? none)
            writer.integer(coding.seed.map { UInt16($0) } ?? none)
            writer.integer(UInt8(coding.parameters.count))
            writer.append(coding.parameters)
            for (stream, extent) in zip(coding.streams, tensor.extents) {
                writer.integer(stream.role.rawValue)
                switch stream.extent {
                case .perRow(let bytes): writer.integer(UInt8(0)); writer.zeros(2); writer.count(bytes)
                case .whole(let bytes): writer.integer(UInt8(1)); writer.zeros(2); writer.count(bytes)
                }
                writer.count(extent.offset)
            }
        case .alias(let target):
            writer.count(target)
        }
    }

    /// Parses the directory and checks all that can be checked without the other sections.
    package init(_ bytes: [UInt8], base: Int, sharedCounts: (codebooks: Int, seeds: Int)) throws {
        var reader = ByteReader(bytes, section: SectionName.directory.rawValue, base: base)
        let tensorCount = try reader.count()
        let fileCount = try reader.count()
        // The shortest records have 16 and 33 bytes: more of them than would fit are refused before anything is allocated.
        guard tensorCount <= bytes.count / 16, fileCount <= bytes.count / 33 else {
            throw reader.malformed("\(tensorCount) tensors and \(fileCount) files do not fit in \(bytes.count) bytes")
        }
        // The count is only a claim: no more is set aside for it than any model needs.
        tensors.reserveCapacity(min(tensorCount, 1 << 16))
        index.reserveCapacity(min(tensorCount, 1 << 16))
        for position in 0..<tensorCount {
            let tensor = try Self.decodeTensor(&reader, &placement, sharedCounts)
            guard index.updateValue(position, forKey: ExactName(tensor.descriptor.name)) == nil else {
                throw reader.malformed("there are two tensors \"\(tensor.descriptor.name)\"")
            }
            tensors.append(tensor)
        }
        var fileNames = Set<ExactName>()
        for _ in 0..<fileCount {
            let file = try Self.decodeFile(&reader, &placement)
            guard fileNames.insert(ExactName(file.name)).inserted else { throw reader.malformed("there are two files \"\(file.name)\"") }
            files.append(file)
        }
        guard reader.remaining == 0 else { throw reader.malformed("\(reader.remaining) bytes follow the last record") }
        for tensor in tensors {
            guard case .alias(let target) = tensor.descriptor.storage else { continue }
            try Self.checkAlias(tensor.descriptor, target, tensors, reader)
        }
    }

    private static func checkAlias(_ alias: TensorDescriptor, _ target: Int, _ tensors: [Tensor], _ reader: ByteReader) throws {
        guard target < tensors.count, tensors[target].descriptor.shape == alias.shape else {
            throw reader.malformed("alias \"\(alias.name)\" names no tensor of its shape")
        }
        if case .alias = tensors[target].descriptor.storage {
            throw reader.malformed("alias \"\(alias.name)\" names another alias")
        }
    }

    private static func decodeTensor(
        _ reader: inout ByteReader, _ placement: inout Placement, _ sharedCounts: (codebooks: Int, seeds: Int)
    ) throws -> Tensor {
        let name = try reader.string(Int(try reader.integer(UInt32.self)))
        let kindByte: UInt8 = try reader.integer()
        guard let kind = Kind(rawValue: kindByte) else { throw reader.malformed("tensor \"\(name)\" is of the unknown kind \(kindByte)") }
        let rank: UInt8 = try reader.integer()
        try reader.reserved(2)
        var shape: [Int] = []
        for _ in 0..<rank { shape.append(try reader.count()) }
        guard let elements = TensorDescriptor.checkedElementCount(shape) else {
            throw reader.malformed("the shape of tensor \"\(name)\" overflows")
        }
        switch kind {
        case .raw:
            return try decodeRaw(&reader, &placement, name: name, shape: shape, elements: elements)
        case .coded:
            return try decodeCoded(&reader, &placement, name: name, shape: shape, sharedCounts)
        case .alias:
            return Tensor(descriptor: .init(name: name, shape: shape, storage: .alias(of: try reader.count())), extents: [], compression: .none)
        }
    }

    private static func decodeRaw(
        _ reader: inout ByteReader, _ placement: inout Placement, name: String, shape: [Int], elements: Int
    ) throws -> Tensor {
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
        let extent = try placement.next(.raw, offset: try reader.count(), length: try reader.count(), reader)
        guard compression == .zstdFrames || extent.length == byteCount else {
            throw reader.malformed("tensor \"\(name)\" has \(extent.length) bytes, but its shape needs \(byteCount)")
        }
        return Tensor(descriptor: .init(name: name, shape: shape, storage: .raw(dtype)), extents: [extent], compression: compression)
    }

    private static func decodeCoded(
        _ reader: inout ByteReader, _ placement: inout Placement, name: String, shape: [Int],
        _ sharedCounts: (codebooks: Int, seeds: Int)
    ) throws -> Tensor {
        let codec = CodecID(rawValue: try reader.integer())
        let sourceID: UInt8 = try reader.integer()
        guard let sourceType = DType.withID(sourceID) else {
            throw QAMError(.unsupported, "its source dtype has the unknown number \(sourceID)", at: .init(section: "directory", tensor: name))
        }
        let streamCount: UInt8 = try reader.integer()
        let codebook: UInt16 = try reader.integer()
        let seed: UInt16 = try reader.integer()
        guard codebook == none || codebook < sharedCounts.codebooks, seed == none || seed < sharedCounts.seeds else {
            throw reader.malformed("tensor \"\(name)\" refers to a codebook or seed that is not there")
        }
        let parameters = Array(try reader.take(Int(try reader.integer(UInt8.self))))
        let descriptor = TensorDescriptor(name: name, shape: shape, storage: .raw(sourceType))
        guard !shape.isEmpty else { throw reader.malformed("the coded tensor \"\(name)\" has no dimensions") }
        var streams: [StreamLayout] = []
        var extents: [SectionExtent] = []
        for _ in 0..<streamCount {
            let role = StreamRole(rawValue: try reader.integer())
            let kind: UInt8 = try reader.integer()
            try reader.reserved(2)
            let bytes = try reader.count()
            guard kind <= 1 else { throw reader.malformed("a stream of tensor \"\(name)\" is of the unknown kind \(kind)") }
            let (length, overflow) = kind == 0 ? descriptor.rows.multipliedReportingOverflow(by: bytes) : (bytes, false)
            guard !overflow else { throw reader.malformed("a stream of tensor \"\(name)\" overflows") }
            extents.append(try placement.next(role.section, offset: try reader.count(), length: length, reader))
            streams.append(StreamLayout(role: role, extent: kind == 0 ? .perRow(bytes) : .whole(bytes)))
        }
        let coding = Coding(
            codec: codec, sourceType: sourceType, codebook: codebook == none ? nil : Int(codebook), seed: seed == none ? nil : Int(seed),
            parameters: parameters, streams: streams)
        return Tensor(descriptor: .init(name: name, shape: shape, storage: .coded(coding)), extents: extents, compression: .none)
    }

    private static func decodeFile(_ reader: inout ByteReader, _ placement: inout Placement) throws -> File {
        let name = try reader.string(Int(try reader.integer(UInt32.self)))
        guard EmbeddedFileName.isValid(name) else { throw reader.malformed("an embedded file's name is no plain file name") }
        let compressionByte: UInt8 = try reader.integer()
        guard let compression = Compression(rawValue: compressionByte) else {
            throw reader.malformed("file \"\(name)\" has the unknown compression \(compressionByte)")
        }
        try reader.reserved(3)
        let contentLength = try reader.count()
        let extent = try placement.next(.files, offset: try reader.count(), length: try reader.count(), reader)
        guard compression == .zstdFrames || extent.length == contentLength else {
            throw reader.malformed("file \"\(name)\" has \(extent.length) bytes, but says \(contentLength)")
        }
        guard contentLength / ZstdFrames.maxExpansion <= extent.length else {
            throw reader.malformed("\(extent.length) bytes of file \"\(name)\" would become \(contentLength)")
        }
        return File(name: name, contentLength: contentLength, extent: extent, compression: compression)
    }
}

/// Where the next extent of each chunked section belongs: right after the one before, aligned, without holes.
package struct Placement: Hashable, Sendable {
    /// By the section's place in `SectionName.allCases`.
    private var ends = [Int](repeating: 0, count: SectionName.allCases.count)

    package init() {}

    /// The end of the last extent: the section's length.
    package func length(of section: SectionName) -> Int { ends[section.index] }

    /// Where the next extent of the section begins.
    package func nextOffset(in section: SectionName) -> Int { alignUp(length(of: section), to: SectionExtent.alignment) }

    /// Places an extent of `length` bytes.
    package mutating func next(_ section: SectionName, length: Int) -> SectionExtent {
        let extent = SectionExtent(section: section, offset: nextOffset(in: section), length: length)
        ends[section.index] = extent.end
        return extent
    }

    /// Checks that an extent lies where it must.
    fileprivate mutating func next(_ section: SectionName, offset: Int, length: Int, _ reader: ByteReader) throws -> SectionExtent {
        guard length <= Int.max / 4, self.length(of: section) <= Int.max / 4 else { throw reader.malformed("an extent of section \(section) overflows") }
        let extent = next(section, length: length)
        guard extent.offset == offset else {
            throw reader.malformed("an extent of section \(section) lies at \(offset), but belongs at \(extent.offset)")
        }
        return extent
    }
}
