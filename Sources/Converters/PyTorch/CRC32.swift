/// The CRC-32 of zip archives: polynomial 0xEDB88320, reflected.
struct CRC32: Sendable {
    private var state: UInt32 = ~0

    /// Eight tables of 256 entries: entry `n` of table `k` is the effect of byte `n` followed by `k` zero bytes, so that eight bytes are
    /// taken in one step.
    private static let tables: [UInt32] = {
        var tables = (0..<UInt32(256)).map { byte in (0..<8).reduce(byte) { value, _ in value & 1 == 0 ? value >> 1 : value >> 1 ^ 0xEDB8_8320 } }
        for index in 256..<8 * 256 {
            let shorter = tables[index - 256]
            tables.append(shorter >> 8 ^ tables[Int(shorter & 0xFF)])
        }
        return tables
    }()

    var value: UInt32 { ~state }

    /// O(bytes).
    mutating func update(_ bytes: RawSpan) {
        var state = state
        unsafe Self.tables.withUnsafeBufferPointer { tables in
            unsafe bytes.withUnsafeBytes { bytes in
                /// The entry of table `table` for the lowest byte of a word.
                func entry(_ table: Int, _ word: UInt64) -> UInt32 { unsafe tables[table &* 256 &+ Int(truncatingIfNeeded: word & 0xFF)] }
                var offset = 0
                while offset &+ 8 <= bytes.count {
                    let word = unsafe UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)) ^ UInt64(state)
                    state = entry(7, word) ^ entry(6, word >> 8) ^ entry(5, word >> 16) ^ entry(4, word >> 24)
                    state ^= entry(3, word >> 32) ^ entry(2, word >> 40) ^ entry(1, word >> 48) ^ entry(0, word >> 56)
                    offset &+= 8
                }
                while offset < bytes.count {
                    state = state >> 8 ^ entry(0, UInt64(state) ^ UInt64(unsafe bytes[offset]))
                    offset &+= 1
                }
            }
        }
        self.state = state
    }
}
