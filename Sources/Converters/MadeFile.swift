import QAMFormat

/// A small file in memory.
struct MadeFile: EmbeddedFile {
    let name: String
    let bytes: [UInt8]

    var byteCount: Int { bytes.count }
    func read(_ range: Range<Int>) throws -> [UInt8] { Array(bytes[range]) }
}
