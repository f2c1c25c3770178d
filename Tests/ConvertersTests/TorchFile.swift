import QAMFormat

/// A PyTorch file made by hand: a zip archive with a pickle of tensors.
struct TorchFile {
    struct Tensor {
        var name: String
        var storage: String = "0"
        var type = "FloatStorage"
        /// The number of elements that the pickle states; nil for the size of the entry / 4.
        var count: Int?
        var offset = 0
        var shape: [Int]
        var strides: [Int]
    }

    var folder = "archive"
    var tensors: [Tensor] = []
    /// Bytes by key.
    var storages: [(key: String, bytes: [UInt8])] = []
    /// Additional entries.
    var entries: [(name: String, bytes: [UInt8])] = [("byteorder", Array("little".utf8)), ("version", Array("3\n".utf8))]
    /// Replaces the pickle of `tensors`.
    var pickle: [UInt8]?

    /// An F32 storage with the given number of elements, each equal to its index.
    init(elements: Int = 12) { storages = [("0", Self.floats(0..<elements))] }

    static func floats(_ values: Range<Int>) -> [UInt8] {
        var writer = ByteWriter()
        for value in values { writer.integer(Float(value).bitPattern) }
        return writer.bytes
    }

    var bytes: [UInt8] {
        var zip = ZipWriter()
        zip.add("\(folder)/data.pkl", pickle ?? Pickle.dictionary(tensors.map { ($0.name, Pickle.tensor($0, count: count(of: $0))) }))
        for entry in entries { zip.add("\(folder)/\(entry.name)", entry.bytes) }
        for storage in storages { zip.add("\(folder)/data/\(storage.key)", storage.bytes) }
        return zip.finished()
    }

    private func count(of tensor: Tensor) -> Int { tensor.count ?? (storages.first { $0.key == tensor.storage }?.bytes.count ?? 0) / 4 }
}

/// Fragments of pickles.
enum Pickle {
    static func text(_ text: String) -> [UInt8] {
        var writer = ByteWriter()
        writer.append([UInt8(ascii: "X")])
        writer.integer(UInt32(text.utf8.count))
        writer.append(text.utf8)
        return writer.bytes
    }

    static func global(_ module: String, _ name: String) -> [UInt8] { Array("c\(module)\n\(name)\n".utf8) }

    static func integer(_ value: Int) -> [UInt8] {
        var writer = ByteWriter()
        writer.append([0x8A, 8])
        writer.integer(UInt64(bitPattern: Int64(value)))
        return writer.bytes
    }

    static func tuple(_ elements: [[UInt8]]) -> [UInt8] { [UInt8(ascii: "(")] + elements.joined() + [UInt8(ascii: "t")] }

    /// A complete pickle of a value.
    static func whole(_ value: [UInt8]) -> [UInt8] { [0x80, 2] + value + [UInt8(ascii: ".")] }

    /// A complete pickle of a dictionary.
    static func dictionary(_ items: [(String, [UInt8])]) -> [UInt8] { whole(nested(items)) }

    /// A dictionary within a pickle.
    static func nested(_ items: [(String, [UInt8])]) -> [UInt8] {
        Array("}(".utf8) + items.flatMap { text($0.0) + $0.1 } + Array("u".utf8)
    }

    static func tensor(_ tensor: TorchFile.Tensor, count: Int) -> [UInt8] {
        let storage = tuple([text("storage"), global("torch", tensor.type), text(tensor.storage), text("cpu"), integer(count)]) + Array("Q".utf8)
        let hooks = global("collections", "OrderedDict") + Array(")R".utf8)
        let arguments = [storage, integer(tensor.offset), tuple(tensor.shape.map(integer)), tuple(tensor.strides.map(integer)), [0x89], hooks]
        return global("torch._utils", "_rebuild_tensor_v2") + tuple(arguments) + Array("R".utf8)
    }
}

/// Writes zip archives with uncompressed entries.
struct ZipWriter {
    private var writer = ByteWriter()
    private var directory = ByteWriter()
    private var count: UInt16 = 0

    /// `method`, `flags` and `size` may be invalid; `offset` is that of another header.
    mutating func add(_ name: String, _ bytes: [UInt8], method: UInt16 = 0, flags: UInt16 = 0, size: UInt32? = nil, offset: UInt32? = nil) {
        let start = UInt32(writer.bytes.count), checksum = Self.checksum(bytes), size = size ?? UInt32(bytes.count)
        writer.append([0x50, 0x4B, 3, 4, 20, 0])
        for field in [flags, method, 0, 0] { writer.integer(field) }
        for field in [checksum, size, size] { writer.integer(field) }
        writer.integer(UInt16(name.utf8.count))
        writer.integer(UInt16(0))
        writer.append(name.utf8)
        writer.append(bytes)
        directory.append([0x50, 0x4B, 1, 2, 20, 0, 20, 0])
        for field in [flags, method, 0, 0] { directory.integer(field) }
        for field in [checksum, size, size] { directory.integer(field) }
        for field in [UInt16(name.utf8.count), 0, 0, 0, 0] { directory.integer(field) }
        directory.integer(UInt32(0))
        directory.integer(offset ?? start)
        directory.append(name.utf8)
        count += 1
    }

    /// The archive with its directory, whose end record may state `count` entries.
    func finished(count told: UInt16? = nil, comment: String = "") -> [UInt8] {
        var result = writer
        let start = UInt32(result.bytes.count)
        result.append(directory.bytes)
        result.append([0x50, 0x4B, 5, 6, 0, 0, 0, 0])
        for _ in 0..<2 { result.integer(told ?? count) }
        result.integer(UInt32(directory.bytes.count))
        result.integer(start)
        result.integer(UInt16(comment.utf8.count))
        result.append(comment.utf8)
        return result.bytes
    }

    /// CRC-32, bit by bit.
    static func checksum(_ bytes: [UInt8]) -> UInt32 {
        var state: UInt32 = ~0
        for byte in bytes {
            state ^= UInt32(byte)
            for _ in 0..<8 {
                let isOdd = state & 1 == 1
                state >>= 1
                if isOdd { state ^= 0xEDB8_8320 }
            }
        }
        return ~state
    }
}
