import Converters
import QAMFormat

/// The bytes of a GGUF file, assembled field by field, so that any field can be made invalid.
struct GGUFBytes {
    struct Tensor {
        var name = "t"
        var dimensions: [UInt64] = [4]
        /// The stored number of dimensions, if it differs from the actual one.
        var dimensionCount: UInt32?
        var type: UInt32 = 0
        var offset: UInt64 = 0
        var nameLength: UInt64?
    }

    /// A key with its type and value as bytes.
    struct Pair {
        var key: String
        var type: UInt32
        var value: [UInt8]
        var keyLength: UInt64?
    }

    var magic = "GGUF"
    var version: UInt32 = 3
    var isBigEndian = false
    var pairs: [Pair] = []
    var tensors: [Tensor] = []
    var pairCount: UInt64?
    var tensorCount: UInt64?
    var alignment = 32
    /// The data after the aligned header.
    var data: [UInt8] = []

    func integer<T: FixedWidthInteger>(_ value: T) -> [UInt8] {
        (0..<T.bitWidth / 8).map { UInt8(truncatingIfNeeded: value >> T(8 * (isBigEndian ? T.bitWidth / 8 - 1 - $0 : $0))) }
    }

    func string(_ text: String, length: UInt64? = nil) -> [UInt8] { integer(length ?? UInt64(text.utf8.count)) + text.utf8 }

    mutating func add(_ key: String, _ type: UInt32, _ value: [UInt8]) { pairs.append(Pair(key: key, type: type, value: value)) }
    mutating func add(_ key: String, u32 value: UInt32) { add(key, 4, integer(value)) }
    mutating func add(_ key: String, u16 value: UInt16) { add(key, 2, integer(value)) }

    var header: [UInt8] {
        var bytes = Array(magic.utf8) + integer(version) + integer(tensorCount ?? UInt64(tensors.count)) + integer(pairCount ?? UInt64(pairs.count))
        for pair in pairs { bytes += string(pair.key, length: pair.keyLength) + integer(pair.type) + pair.value }
        for tensor in tensors {
            bytes += string(tensor.name, length: tensor.nameLength) + integer(tensor.dimensionCount ?? UInt32(tensor.dimensions.count))
            bytes += tensor.dimensions.flatMap(integer) + integer(tensor.type) + integer(tensor.offset)
        }
        return bytes
    }

    var bytes: [UInt8] {
        var bytes = header
        while bytes.count % alignment != 0 { bytes.append(0) }
        return bytes + data
    }

    /// The warnings of reading the header.
    func read() throws -> [String] { try GGUFHeader(reading: MemoryBytes(bytes, name: "file")).warnings }
}
